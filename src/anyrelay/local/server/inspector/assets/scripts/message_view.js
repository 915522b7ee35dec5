// One message in full: a RELAY message as indented JSON, a SIP message with its headers, or a step of a phone.

import { byId, copyFrom, element, fill, fillFacts } from "./dom.js";
import { jsonTokens } from "./json_lines.js";
import { exactTime } from "./words.js";

const LONGEST_COLOURED = 100_000;
const KINDS = { relay: "RELAY message", sip: "SIP message", phone: "step of a simulated phone" };

export class MessageView {
  #frame = null;
  #onClose;

  /** @param {() => void} onClose called after the user has closed the message */
  constructor(onClose) {
    this.#onClose = onClose;
    byId("close-message").addEventListener("click", () => this.close());
    byId("copy-message").addEventListener("click", (event) => copyFrom(event.currentTarget, this.#frame.text));
  }

  /** Whether a message is open. */
  get isOpen() {
    return !byId("message").hidden;
  }

  /** Show a frame of the journal. */
  open(frame) {
    this.#frame = frame;
    byId("message").hidden = false;
    document.body.classList.add("with-message");
    byId("message-title").textContent = titleOf(frame);
    fillFacts(byId("message-facts"), [
      ["Kind", KINDS[frame.kind] ?? frame.kind],
      ["From", frame.from],
      ["To", frame.to],
      ["Time", exactTime(frame.time)],
    ]);
    const text = byId("message-text");
    fill(text, ...colouredText(frame));
    text.scrollTop = 0;
  }

  /** Close the message. */
  close({ quietly = false } = {}) {
    if (!this.isOpen) return;
    byId("message").hidden = true;
    document.body.classList.remove("with-message");
    if (!quietly) this.#onClose();
  }
}

/** Return the method of a command or of a SIP request; of every other message, what the message says in a few words. */
function titleOf({ role, method, summary }) {
  return role === "command" || role === "request" ? method : summary || method || role;
}

function colouredText({ kind, text }) {
  if (text.length > LONGEST_COLOURED) return [text];
  if (kind === "sip") return sipLines(text);
  try {
    JSON.parse(text);
  } catch {
    return [text];
  }
  return jsonTokens(text).map((token) => (token.kind ? element("span", { class: `json-${token.kind}` }, token.text) : token.text));
}

/** The start line and the names of the headers (RFC 3261, section 7) stand out; the body is left as it is. */
function sipLines(text) {
  const [head, ...body] = text.split(/\r?\n\r?\n/);
  const [start, ...headers] = head.split(/\r?\n/);
  const shown = [element("span", { class: "sip-start" }, start), "\n"];
  for (const header of headers) {
    const colon = header.indexOf(":");
    shown.push(element("span", { class: "sip-name" }, header.slice(0, colon + 1)), header.slice(colon + 1), "\n");
  }
  return [...shown, "\n", body.join("\n\n").replaceAll("\r\n", "\n")];
}
