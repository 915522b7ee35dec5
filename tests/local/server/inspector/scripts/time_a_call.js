// Places a call, and returns after how many milliseconds the call is in the list. Argument: the name of the caller.
const [caller] = arguments;
const list = document.getElementById("call-list");
const started = performance.now();
const shown = new Promise((resolve) => {
  const observer = new MutationObserver(() => {
    if (!list.textContent.includes(caller)) return;
    observer.disconnect();
    resolve(performance.now() - started);
  });
  observer.observe(list, { childList: true, subtree: true, characterData: true });
});
await fetch("/v1/calls", {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ context: "unanswered", from: `sip:${caller}@example.com` }),
});
return shown;
