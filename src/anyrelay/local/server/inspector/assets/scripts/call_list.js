// The list of calls, newest first, filtered by state and text.

import { beforeNextFrame, byId, element, fill } from "./dom.js";
import { RowList } from "./row_list.js";
import { clockTime, counted, duration, party, talkTime } from "./words.js";

const ROW_HEIGHT = 64;

/** Whether a call is in a state of the filter; "" is every state, `active` is every state before the end. */
const isIn = (call, state) => !state || (state === "active" ? call.state !== "ended" : call.state === state);

export class CallList {
  #state;
  #list;

  /**
   * @param {ServerState} state
   * @param {{onSelect: (id) => void, onOpen: () => void}} options
   */
  constructor(state, { onSelect, onOpen }) {
    this.#state = state;
    this.#list = new RowList(byId("call-list"), {
      height: ROW_HEIGHT,
      key: (call) => call.id,
      draw: drawCall,
      onActive: (call) => onSelect(call.id),
      onOpen,
    });
    const draw = beforeNextFrame(() => this.#draw());
    state.addEventListener("calls", draw);
    byId("filter").addEventListener("input", draw);
    byId("filter").addEventListener("submit", (event) => {
      event.preventDefault();
      this.focus();
    });
    setInterval(() => this.#list.redraw(), 1000); // the seconds of running calls
    this.#draw();
  }

  /** Put the focus on the list. */
  focus() {
    this.#list.focus();
  }

  #draw() {
    const shown = this.#filtered();
    const total = this.#state.calls.size;
    this.#list.show(shown);
    this.#list.activate(this.#state.selected);
    byId("call-count").textContent = shown.length === total ? counted(total, "call") : `${shown.length} of ${counted(total, "call")}`;
    const words = total ? ["No call matches the filter."] : ["No calls yet.", "Place a call, or let a phone call."];
    byId("no-calls").hidden = shown.length > 0;
    fill(byId("no-calls"), ...words.map((text) => element("p", {}, text)));
  }

  #filtered() {
    const words = byId("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const state = byId("filter-state").value;
    const isWanted = (call) => {
      const text = [call.from, call.to, call.context, call.id, call.end_reason].join(" ").toLowerCase();
      return isIn(call, state) && words.every((word) => text.includes(word));
    };
    return [...this.#state.calls.values()].filter(isWanted).reverse();
  }
}

function drawCall(call) {
  const talked = talkTime(call);
  const isInbound = call.direction === "inbound";
  const [phone, words] = isInbound
    ? [call.from, `calls ${call.context || party(call.to)}`]
    : [call.to, `is called by ${party(call.from)}`];
  return [
    element(
      "div",
      { class: "call-row-line" },
      element("span", { class: "call-phone", title: phone }, party(phone)),
      element("span", { class: "state", dataset: { state: call.state } }, call.state),
    ),
    element(
      "div",
      { class: "call-row-line minor" },
      element("span", { class: "call-words", title: words }, words),
      element("span", { class: "time" }, clockTime(call.created_at) + (talked === null ? "" : ` · ${duration(talked)}`)),
    ),
  ];
}
