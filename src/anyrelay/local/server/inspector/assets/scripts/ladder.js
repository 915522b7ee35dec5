// The ladder of a call: phones on the left, the server in the middle, applications on the right; one row a message.

import { beforeNextFrame, byId, element, fill } from "./dom.js";
import { RowList } from "./row_list.js";
import { counted, exactTime, party } from "./words.js";

const ROW_HEIGHT = 40;

/** The label of the party that the server exchanges a message with: the server receives `rx` and sends `tx`. */
const peerOf = (frame) => (frame.direction === "rx" ? frame.from : frame.to);
const serverOf = (frame) => (frame.direction === "rx" ? frame.to : frame.from);

/**
 * Return the lanes of some frames: their names from left to right, and which one is the server. The phone that is seen first is
 * next to the server.
 */
export function lanesOf(frames) {
  const phones = new Set();
  const applications = new Set();
  for (const frame of frames) (frame.kind === "relay" ? applications : phones).add(peerOf(frame));
  const named = frames.find((frame) => frame.kind === "relay") ?? frames[0];
  const server = named ? serverOf(named) : "";
  return { names: [...[...phones].reverse(), server, ...applications], server: phones.size };
}

/** What would outnumber the other messages. */
const QUIET_ROLES = new Set(["acknowledgement", "ping"]);

/** Return the role of a message, for its colour; a response of SIP that refuses (300 and above) is an error. */
const roleOf = (frame) => (frame.role === "response" && /^[3-6]/.test(frame.summary) ? "error" : frame.role);

export class Ladder {
  #state;
  #list;
  #lanes = { names: [], server: 0 };
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
      followsEnd: () => state.call?.state !== "ended",
    });
    const draw = beforeNextFrame(() => this.#draw());
    state.addEventListener("frames", draw);
    byId("show-acknowledgements").addEventListener("change", draw);
  }

  /** Put the focus on the messages; the first one is the active one when none was. */
  focus() {
    if (!this.#list.active) this.#list.activate([...this.#state.frames.keys()][0] ?? null);
    this.#list.focus();
  }

  #draw() {
    const all = [...this.#state.frames.values()];
    const shown = byId("show-acknowledgements").checked ? all : all.filter((frame) => !QUIET_ROLES.has(frame.role));
    this.#drawLanes(lanesOf(all));
    this.#start = all[0]?.time ?? 0;
    this.#list.show(shown);
    byId("message-count").textContent = counted(all.length, "message");
  }

  #drawLanes(lanes) {
    if (lanes.names.join("\n") === this.#lanes.names.join("\n")) return;
    this.#lanes = lanes;
    for (const id of ["lanes", "ladder"]) byId(id).style.setProperty("--lanes", lanes.names.length);
    fill(byId("lanes"), ...lanes.names.map((name) => element("span", { title: name }, party(name))));
    this.#list.redraw();
  }

  #drawFrame(frame) {
    const time = element("span", { class: "rung-time", title: exactTime(frame.time) }, (frame.time - this.#start).toFixed(3));
    const words = (frame.summary || frame.method || frame.role).replace(/ SIP\/2\.0$/, "");
    const rung = element("span", { class: "rung", dataset: { role: roleOf(frame) } }, element("span", { class: "rung-label", title: words }, words));
    const ends = [this.#lanes.names.indexOf(peerOf(frame)), this.#lanes.server];
    const [from, to] = frame.direction === "rx" ? ends : ends.toReversed();
    rung.dataset.direction = to > from ? "right" : "left";
    // Each lane has two columns, and its line is between them.
    rung.style.gridColumn = `${Math.min(from, to) * 2 + 2} / ${Math.max(from, to) * 2 + 2}`;
    return [time, element("span", { class: "rung-lanes" }, rung)];
  }
}
