// The keys that work everywhere in the page, but in fields and dialogs.

/**
 * Call the function of a key when it is pressed alone.
 * @param {Object<string, () => void>} actions by the key, such as `/`, `n` or `Escape`
 */
export function bindShortcuts(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (document.querySelector("dialog[open]")) return;
    const isField = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (isField && event.key !== "Escape") return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
