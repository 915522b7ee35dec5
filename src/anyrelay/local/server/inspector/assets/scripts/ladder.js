// The ladder of a call: phones on the left, the server in the middle, applications on the right; one row a message.

import { beforeNextFrame, byId, element, fill } from "./dom.js";
import { RowList } from "./row_list.js";
import { counted, exactTime, party } from "./words.js";

const ROW_HEIGHT = 40;

/** The label of the server in the fields `from` and `to` of a message. */
const SERVER = "server";

/** Return the party that the server exchanges a message with. */
const peerOf = (frame) => (frame.from === SERVER ? frame.to : frame.from);

/** Return the lanes of some messages from left to right: phones, the first one next to the server, the server, and clients. */
function lanesOf(frames) {
  const phones = new Set();
  const clients = new Set();
  for (const frame of frames) (frame.kind === "relay" ? clients : phones).add(peerOf(frame));
  return [...[...phones].reverse(), SERVER, ...clients];
}

/** What would outnumber the other messages. */
const QUIET_ROLES = new Set(["acknowledgement", "ping"]);

/** Return the role of a message, for its colour; a response of SIP that refuses (300 and above) is an error. */
const roleOf = (frame) => (frame.role === "response" && /^[3-6]/.test(frame.summary) ? "error" : frame.role);

export class Ladder {
  #state;
  #list;
  #lanes = [];
  #start = 0;

  /**
   * @param {ServerState} state
   * @param {{onActive: (frame) => void, onOpen: (frame) => void}} options called when the user moves to a message, opens a message
   */
  constructor(state, { onActive, onOpen }) {
    this.#state = state;
    this.#list = new RowList(byId("ladder"), {
      height: ROW_HEIGHT,
      key: (frame) => frame.seq,
      draw: (frame) => this.#drawFrame(frame),
      onActive,
      onOpen,
      onClick: onOpen,
      startsAtEnd: () => state.call?.state !== "ended",
    });
    const draw = beforeNextFrame(() => this.#draw());
    state.addEventListener("frames", draw);
    byId("show-acknowledgements").addEventListener("change", draw);
  }

  /** Put the focus on the messages; the first one is the active one when none was. */
  focus() {
    if (!this.#list.active && this.#list.first) this.#list.activate(this.#list.first.seq);
    this.#list.focus();
  }

  #draw() {
    // The journal learns of a SIP message a moment after the message was sent.
    const all = [...this.#state.frames.values()].sort((one, other) => one.time - other.time || one.seq - other.seq);
    const shown = byId("show-acknowledgements").checked ? all : all.filter((frame) => !QUIET_ROLES.has(frame.role));
    this.#drawLanes(lanesOf(all));
    this.#start = all[0]?.time ?? 0;
    this.#list.show(shown);
    const words = counted(all.length, "message");
    byId("message-count").textContent = this.#state.dropped ? `${words}; the server has dropped old ones` : words;
  }

  #drawLanes(lanes) {
    if (lanes.join("\n") === this.#lanes.join("\n")) return;
    this.#lanes = lanes;
    for (const id of ["lanes", "ladder"]) byId(id).style.setProperty("--lanes", lanes.length);
    fill(byId("lanes"), ...lanes.map((name) => element("span", { title: name }, name === SERVER ? "RELAY server" : party(name))));
    this.#list.redraw();
  }

  #drawFrame(frame) {
    const time = element("span", { class: "rung-time", title: exactTime(frame.time) }, (frame.time - this.#start).toFixed(3));
    const words = (frame.summary || frame.method || frame.role).replace(/ SIP\/2\.0$/, "");
    const rung = element("span", { class: "rung", dataset: { role: roleOf(frame) } }, element("span", { class: "rung-label", title: words }, words));
    const [from, to] = [this.#lanes.indexOf(frame.from), this.#lanes.indexOf(frame.to)];
    rung.dataset.direction = to > from ? "right" : "left";
    // Each lane has two columns, and its line is between them.
    rung.style.gridColumn = `${Math.min(from, to) * 2 + 2} / ${Math.max(from, to) * 2 + 2}`;
    return [time, element("span", { class: "rung-lanes" }, rung)];
  }
}
