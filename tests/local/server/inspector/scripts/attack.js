// What a page of another origin may try. Argument: the URL of the server. Returns what each attempt gave, "refused" for nothing.
const [server] = arguments;
const results = {};

async function attempt(name, action) {
  try {
    results[name] = await action();
  } catch {
    results[name] = "refused";
  }
}

const body = JSON.stringify({ context: "menu" });
const json = { "Content-Type": "application/json" };
await attempt("read calls", async () => (await fetch(`${server}/v1/calls`)).text());
await attempt("read events", async () => (await fetch(`${server}/v1/events`)).status);
await attempt("post JSON", async () => (await fetch(`${server}/v1/calls`, { method: "POST", headers: json, body })).text());
await attempt("post text", async () => (await fetch(`${server}/v1/calls`, { method: "POST", mode: "no-cors", body })).type);
await attempt("reset", async () => (await fetch(`${server}/v1/reset`, { method: "POST", mode: "no-cors" })).type);
await attempt("run its script", () => {
  const script = document.createElement("script");
  script.src = `${server}/assets/scripts/words.js`;
  script.type = "module";
  return new Promise((resolve, reject) => {
    script.onload = () => resolve("loaded");
    script.onerror = reject;
    document.head.append(script);
  });
});

function frame(name) {
  const made = document.createElement("iframe");
  made.name = name;
  const loaded = new Promise((resolve) => made.addEventListener("load", resolve, { once: true }));
  return [made, loaded];
}

await attempt("read its page", async () => {
  const [made, loaded] = frame("page");
  made.src = `${server}/`;
  document.body.append(made);
  await loaded;
  return made.contentDocument?.body.textContent ?? "refused";
});
const form = document.createElement("form");
form.method = "POST";
form.action = `${server}/v1/reset`;
form.target = "answer";
const [answer, answered] = frame("answer");
document.body.append(form, answer);
await answered; // of the empty page that is in a new frame
const submitted = new Promise((resolve) => answer.addEventListener("load", resolve, { once: true }));
form.submit();
await submitted;
return results;
