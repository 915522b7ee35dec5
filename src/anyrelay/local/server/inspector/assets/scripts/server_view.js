// The server: its sessions and contexts, how a client connects, and its text messages.

import { beforeNextFrame, byId, copyFrom, element, fill, fillFacts } from "./dom.js";
import { clockTime, counted } from "./words.js";

export class ServerView {
  #state;

  /** @param {ServerState} state */
  constructor(state) {
    this.#state = state;
    for (const [name, draw] of [
      ["health", () => this.#drawHealth()],
      ["sessions", () => this.#drawSessions()],
      ["calls", () => this.#drawSessions()],
      ["messages", () => this.#drawTexts()],
    ]) {
      state.addEventListener(name, beforeNextFrame(draw));
    }
    byId("copy-environment").addEventListener("click", (event) => copyFrom(event.currentTarget, byId("environment").textContent));
  }

  #drawHealth() {
    const { version, relay, sip, phones, acted = [], environment = {} } = this.#state.health;
    fillFacts(byId("server-facts"), [
      ["RELAY", relay],
      ["SIP", sip],
      ["Phones", phones === "sip" ? "real SIP phones" : "simulated"],
      ["Version", version],
    ]);
    byId("environment").textContent = Object.entries(environment)
      .map(([name, value]) => `export ${name}=${shellWord(value)}`)
      .join("\n");
    fill(byId("acted"), ...chips(acted, "None: every command does what its name says."));
  }

  #drawSessions() {
    const running = [...this.#state.calls.values()].filter((call) => call.state !== "ended");
    const rows = this.#state.sessions.map((session) => [
      element("span", { class: "state", dataset: { state: session.connected ? "answered" : "ended" } }, session.connected ? "connected" : "gone"),
      session.agent ?? "unknown client",
      session.project_id ?? "",
      session.contexts.join(", "),
      counted(running.filter((call) => call.session === session.id).length, "call"),
      clockTime(session.connected_at),
    ]);
    fill(byId("sessions"), table(["State", "Client", "Project", "Contexts", "Calls", "Since"], rows, "No client has signed in."));
    fill(byId("contexts"), ...chips(this.#state.contexts, "No client receives calls."));
  }

  #drawTexts() {
    const rows = [...this.#state.messages.values()]
      .reverse()
      .map((message) => [clockTime(message.created_at), message.direction, message.from, message.to, message.body, message.state]);
    fill(byId("texts"), table(["Time", "Direction", "From", "To", "Text", "State"], rows, "No text message yet."));
  }
}

const chips = (words, otherwise) => (words.length ? words : [otherwise]).map((word) => element("li", {}, word));

function table(heads, rows, otherwise) {
  if (!rows.length) return element("p", { class: "hint" }, otherwise);
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? ""))))),
  );
}

/** Write a value as one word of a shell. */
const shellWord = (value) => (/^[\w@%+=:,./-]+$/.test(value) ? value : `'${String(value).replaceAll("'", `'\\''`)}'`);
