// One call: its facts, what is done with it, its recordings and downloads.

import { beforeNextFrame, byId, copyFrom, element, fill, fillFacts } from "./dom.js";
import { clockTime, duration, party, size, talkTime } from "./words.js";

const KEYS = "123456789*0#";

export class CallView {
  #state;
  #api;
  #recordings = new Map();

  /**
   * @param {ServerState} state
   * @param {ControlApi} api
   */
  constructor(state, api) {
    this.#state = state;
    this.#api = api;
    const draw = beforeNextFrame(() => this.#draw());
    state.addEventListener("calls", draw);
    setInterval(draw, 1000); // the seconds of a running call
    state.addEventListener("frames", beforeNextFrame(() => this.#drawDownloads()));
    this.#bindActions();
    for (const button of document.querySelectorAll("[data-format]")) {
      button.addEventListener("click", () => this.#download("ladder", { format: button.dataset.format }));
    }
    byId("download-capture").addEventListener("click", () => this.#download("capture"));
  }

  #bindActions() {
    const keys = [...KEYS].map((key) =>
      element("button", { type: "button", class: "code", "aria-label": `Press ${key}`, onclick: () => this.#act("digits", { digits: key }) }, key),
    );
    fill(byId("keypad"), ...keys);
    for (const [id, path] of [
      ["press", "digits"],
      ["say", "say"],
    ]) {
      const form = byId(id);
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (await this.#act(path, Object.fromEntries(new FormData(form)))) form.reset();
      });
    }
    byId("hang-up").addEventListener("click", () => this.#act("hangup", {}));
  }

  /** Do something with the selected call; return whether the server accepted it. The page says why when it did not. */
  async #act(action, body) {
    try {
      await this.#api.post(`/v1/calls/${encodeURIComponent(this.#state.selected)}/${action}`, body);
      this.#say("");
      return true;
    } catch (error) {
      this.#say(error.message);
      return false;
    }
  }

  #say(words) {
    byId("action-result").textContent = words;
  }

  async #download(what, query = {}) {
    const id = encodeURIComponent(this.#state.selected);
    try {
      save(await this.#api.file(`/v1/calls/${id}/${what}`, query));
    } catch (error) {
      this.#say(error.message);
    }
  }

  #draw() {
    const call = this.#state.call;
    byId("call").hidden = !call;
    byId("no-call").hidden = Boolean(call);
    if (!call) return;
    const title = `${party(call.from)} → ${call.direction === "inbound" && call.context ? call.context : party(call.to)}`;
    if (byId("call-parties").textContent !== title) {
      byId("call-parties").textContent = title;
      this.#say("");
    }
    const state = byId("call-state");
    state.textContent = call.end_reason ? `${call.state} · ${call.end_reason}` : call.state;
    state.dataset.state = call.state;
    this.#drawFacts(call);
    this.#drawExtras(call);
    this.#drawActions(call.state !== "ended");
  }

  /** Show the actions of a call that has not ended; the messages take the focus of a control that goes. */
  #drawActions(areShown) {
    const controls = [byId("call-actions"), byId("hang-up")];
    const hadFocus = controls.some((control) => control.contains(document.activeElement));
    for (const control of controls) control.hidden = !areShown;
    if (hadFocus && !areShown) byId("ladder").focus();
  }

  /** Offer the capture of a call that has SIP messages. */
  #drawDownloads() {
    byId("download-capture").hidden = ![...this.#state.frames.values()].some((frame) => frame.kind === "sip");
  }

  #drawFacts(call) {
    const talked = talkTime(call);
    const copy = element("button", { type: "button", class: "link code", title: "Copy the id" }, call.id);
    copy.addEventListener("click", () => copyFrom(copy, call.id));
    if (document.activeElement?.closest("#call-facts")) return; // the button with the focus stays
    fillFacts(byId("call-facts"), [
      ["Direction", call.direction],
      ["To", party(call.to)],
      ["Began", clockTime(call.created_at)],
      ["Talked", talked === null ? null : duration(talked)],
      ["Digits", call.digits_sent],
      ["Id", copy],
    ]);
  }

  #drawExtras(call) {
    const extras = byId("call-extras");
    const shown = JSON.stringify([call.id, call.refers, call.spoken, call.recordings]);
    if (extras.dataset.shown === shown) return; // a recording that plays is not disturbed
    extras.dataset.shown = shown;
    fill(
      extras,
      ...call.refers.map((refer) => element("p", { class: "extra" }, element("b", {}, "REFER"), ` ${party(refer.to)} `, outcomeOf(refer))),
      ...call.spoken.slice(-3).map((words) => element("p", { class: "extra" }, element("b", {}, "Said"), ` “${words}”`)),
      ...call.recordings.map((recording) => this.#recordingOf(recording)),
    );
  }

  /** Return the row of a recording; its sound is fetched with the token when it is asked for. */
  #recordingOf(recording) {
    const facts = [recording.duration === null ? null : duration(recording.duration), recording.size === null ? null : size(recording.size)];
    const row = element("p", { class: "extra" }, element("b", {}, "Recording"), ` ${facts.filter(Boolean).join(", ")} `);
    const play = element("button", { type: "button" }, "Play");
    play.addEventListener("click", async () => {
      const file = await this.#fetchRecording(recording);
      if (!file) return;
      const player = element("audio", { controls: true, src: URL.createObjectURL(file.content) });
      player.setAttribute("aria-label", "Recording");
      play.replaceWith(player);
      player.play().catch(() => {}); // a browser may want another click first
    });
    const download = element("button", { type: "button" }, "Download WAV");
    download.addEventListener("click", async () => {
      const file = await this.#fetchRecording(recording);
      if (file) save(file);
    });
    row.append(play, " ", download);
    return row;
  }

  async #fetchRecording(recording) {
    try {
      if (!this.#recordings.has(recording.id)) {
        const file = await this.#api.file(`/v1/recordings/${encodeURIComponent(recording.id)}`);
        this.#recordings.set(recording.id, file);
      }
      return this.#recordings.get(recording.id);
    } catch (error) {
      this.#say(error.message);
      return null;
    }
  }
}

function outcomeOf(refer) {
  const words = [refer.status, refer.notify_code].filter(Boolean).join(" ");
  return element("span", { class: "state", dataset: { state: refer.status ?? "" } }, words);
}

/** Let the browser save a file. */
function save({ name, content }) {
  const url = URL.createObjectURL(content);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
