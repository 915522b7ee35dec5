// Elements of the page. Text from the server is set as text only, so it never becomes HTML.

export const byId = (id) => document.getElementById(id);

/**
 * Make an element.
 * @param {string} tag its name
 * @param {Object} properties `class`, `dataset`, `aria-…` and `role` as attributes, listeners as `on…`, others as properties
 * @param {...(Node|string)} children nodes and texts
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") made.className = value;
    else if (name === "dataset") Object.assign(made.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "colspan") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Show these children in an element, and no others. */
export const fill = (parent, ...children) => parent.replaceChildren(...children);

/** Show facts, each a name with a text or a node, in a `dl`; facts without a value are left out. */
export function fillFacts(list, facts) {
  const rows = facts
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
  fill(list, ...rows);
}

/** Return a function that calls `draw` once before the next frame is painted, however often it was called. */
export function beforeNextFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

/** Copy a text, and say so on the button for a moment. */
export async function copyFrom(button, text) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => (button.textContent = words), 1500);
}
