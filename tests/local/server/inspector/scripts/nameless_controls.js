// Returns the controls that have no name for a screen reader.
const hasName = (each) =>
  each.ariaLabel ||
  each.labels?.length ||
  each.getAttribute("aria-labelledby") ||
  (each.matches("button, a") && each.textContent.trim());
const controls = document.querySelectorAll("button, a, input, select, audio, dialog, [role=listbox], [tabindex]");
return [...controls].filter((each) => !hasName(each)).map((each) => each.outerHTML);
