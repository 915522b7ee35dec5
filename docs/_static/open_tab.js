// A link to a method may lead into a tab that is not open: open the tab, then scroll to the method.
function openTab() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  const content = target && target.closest(".sd-tab-content");
  if (content) {
    content.previousElementSibling.click();
    target.scrollIntoView({ behavior: "instant" });
  }
}

window.addEventListener("load", openTab);
window.addEventListener("hashchange", openTab);
