// The dialogs: place a call, cause a fault, reset, enter the token, read the shortcuts.

import { byId, element, fill } from "./dom.js";

/** The faults of the control API: what each does, and the fields that it takes. */
const FAULTS = {
  drop: { words: "Break every connection", explained: "Every client loses its connection without a word. Sessions can be resumed.", fields: [] },
  disconnect: {
    words: "Send signalwire.disconnect",
    explained: "The server tells every client to reconnect, then closes the connections.",
    fields: [],
  },
  forget: {
    words: "Forget every session",
    explained: "The server behaves as after a crash: sessions and their calls are gone.",
    fields: [],
  },
  delay: { words: "Delay the next commands", explained: "The reply to each command comes late.", fields: ["count", "seconds", "method"] },
  refuse: { words: "Refuse the next commands", explained: "Each command is answered with a code of failure.", fields: ["count", "method", "code"] },
};

const NUMBERS = new Set(["count", "seconds", "code", "hangup_after"]);

/** Return the values of the fields of a form that the user has filled in. */
function valuesOf(form) {
  const filled = [...new FormData(form)].filter(([, value]) => value !== "");
  return Object.fromEntries(filled.map(([name, value]) => [name, NUMBERS.has(name) ? Number(value) : value]));
}

/**
 * Let a form of a dialog do something; the dialog stays open and says why when that fails. What `submit` returns is called once the
 * dialog is closed.
 */
function bind(dialog, form, submit) {
  const problem = form.querySelector(".form-error");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    try {
      const after = await submit(valuesOf(form));
      dialog.close();
      after?.();
    } catch (error) {
      problem.textContent = error.message;
    }
  });
  form.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => (problem.textContent = ""));
}

/**
 * Bind the dialogs that act on the server.
 * @param {ControlApi} api
 * @param {ServerState} state
 * @param {(id) => void} onPlaced called with the id of a call that was placed
 */
export function bindDialogs(api, state, onPlaced) {
  bind(byId("call-dialog"), byId("call-form"), async ({ say, ...wanted }) => {
    const call = await api.post("/v1/calls", say ? { ...wanted, say: [say] } : wanted);
    return () => onPlaced(call.id);
  });
  byId("place-call").addEventListener("click", () => openCallDialog(state));

  const faults = byId("faults-form");
  fill(byId("fault"), ...Object.entries(FAULTS).map(([value, { words }]) => element("option", { value }, words)));
  byId("fault").addEventListener("change", showFault);
  showFault();
  bind(byId("faults-dialog"), faults, async (wanted) => void (await api.post("/v1/faults", wanted)));
  byId("open-faults").addEventListener("click", () => byId("faults-dialog").showModal());

  bind(byId("reset-dialog"), byId("reset-form"), async () => void (await api.post("/v1/reset")));
  byId("open-reset").addEventListener("click", () => byId("reset-dialog").showModal());
  byId("open-help").addEventListener("click", () => byId("help-dialog").showModal());
}

/** Open the dialog that places a call; it proposes the contexts that clients receive. */
export function openCallDialog(state) {
  fill(byId("known-contexts"), ...state.contexts.map((context) => element("option", { value: context })));
  const field = byId("call-context");
  field.value ||= state.contexts[0] ?? "";
  byId("call-dialog").showModal();
  field.select();
}

/** Show the fields of the chosen fault; the others are disabled, so that they are not sent. */
function showFault() {
  const { explained, fields } = FAULTS[byId("fault").value];
  byId("fault-explained").textContent = explained;
  for (const each of byId("faults-form").querySelectorAll("[data-for]")) {
    const isWanted = fields.includes(each.dataset.for);
    each.hidden = !isWanted;
    if ("disabled" in each) each.disabled = !isWanted;
  }
}

/** Ask for the token of the server, and say why the last one was refused; return the token. */
export function askForToken(problem) {
  const dialog = byId("token-dialog");
  const form = byId("token-form");
  form.reset();
  form.querySelector(".form-error").textContent = problem;
  dialog.oncancel = (event) => event.preventDefault(); // without a token there is nothing to see
  dialog.showModal();
  return new Promise((resolve) => {
    form.addEventListener("submit", () => resolve(byId("token").value), { once: true });
  });
}
