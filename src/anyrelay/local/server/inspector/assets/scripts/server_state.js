// What the page knows of the server. It follows the events of the server and tells the views what has changed.

const FIRST_DELAY = 250;
const LONGEST_DELAY = 4000;

const CALLS_KEPT = 5000;
const FRAMES_KEPT = 20_000;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Forget the oldest entries of a map. */
function keepLatest(map, limit) {
  for (const key of map.keys()) {
    if (map.size <= limit) return;
    map.delete(key);
  }
}

/**
 * Events: `health`, `calls`, `frames`, `sessions`, `messages`, `connection`, `notice`, and `new-call` with the call as detail.
 */
export class ServerState extends EventTarget {
  /** What `/health` answered. */
  health = null;
  /** The calls by their id, in the order in which they began. */
  calls = new Map();
  sessions = [];
  messages = new Map();
  /** The frames of the selected call by their sequence number. */
  frames = new Map();
  /** How many messages the server has dropped, of this call or of others. */
  dropped = 0;
  /** The id of the selected call, null for none. */
  selected = null;
  /** connecting, live, lost or refused. */
  connection = "connecting";

  #api;
  #askForToken;
  #connection = new AbortController();

  /**
   * @param {ControlApi} api
   * @param {() => Promise<void>} askForToken called when the server wants another token
   */
  constructor(api, askForToken) {
    super();
    this.#api = api;
    this.#askForToken = askForToken;
  }

  /** The selected call, undefined when there is none. */
  get call() {
    return this.calls.get(this.selected);
  }

  /** The contexts that connected clients receive, sorted. */
  get contexts() {
    const connected = this.sessions.filter((session) => session.connected);
    return [...new Set(connected.flatMap((session) => session.contexts))].sort();
  }

  /** Follow the server until the page is closed: connect, read everything, then take each event. */
  async follow() {
    for (let delay = FIRST_DELAY; ; delay = Math.min(delay * 2, LONGEST_DELAY)) {
      try {
        this.#connection = new AbortController();
        const events = await this.#api.events(this.#connection.signal); // before the lists: what happens while they are read is not missed
        await this.#readAll();
        this.#connected("live");
        delay = FIRST_DELAY;
        for await (const event of events) this.#take(event);
      } catch (error) {
        if (error.status === 401) {
          this.#connected("refused");
          await this.#askForToken();
          continue;
        }
      }
      this.#connected("lost");
      await sleep(delay);
    }
  }

  /** Close the connection; `follow` connects again, unless the page is gone. */
  disconnect() {
    this.#connection.abort();
  }

  /** Select a call, and read its frames. */
  async select(id) {
    if (id === this.selected) return;
    this.selected = id;
    this.frames = new Map();
    this.#tell("calls");
    this.#tell("frames");
    if (id !== null) await this.#readFrames(id);
  }

  async #readAll() {
    const [health, { entries: calls }, { entries: sessions }, { entries: messages }] = await Promise.all([
      this.#api.get("/health"),
      this.#api.list("/v1/calls"),
      this.#api.list("/v1/sessions"),
      this.#api.list("/v1/messages"),
    ]);
    this.health = health;
    calls.sort((one, other) => one.created_at - other.created_at);
    this.calls = new Map(calls.map((call) => [call.id, call]));
    this.sessions = sessions;
    this.messages = new Map(messages.map((message) => [message.id, message]));
    for (const name of ["health", "calls", "sessions", "messages"]) this.#tell(name);
    if (this.selected !== null) await this.#readFrames(this.selected);
  }

  async #readFrames(id) {
    try {
      const { entries, dropped } = await this.#api.list("/v1/frames", { call_id: id });
      if (id !== this.selected) return;
      this.dropped = dropped;
      // Frames may have come by event meanwhile: both kinds are put in one order.
      const all = [...entries, ...this.frames.values()].sort((one, other) => one.seq - other.seq);
      this.frames = new Map(all.map((frame) => [frame.seq, frame]));
      this.#tell("frames");
    } catch (error) {
      this.#notice(error.message);
    }
  }

  #take({ type, data }) {
    switch (type) {
      case "call": {
        const isNew = !this.calls.has(data.id);
        this.calls.set(data.id, data);
        keepLatest(this.calls, CALLS_KEPT);
        this.#tell("calls");
        if (isNew) this.dispatchEvent(new CustomEvent("new-call", { detail: data }));
        break;
      }
      case "frame":
        if (data.call_id === null || data.call_id !== this.selected) break;
        this.frames.set(data.seq, data);
        keepLatest(this.frames, FRAMES_KEPT);
        this.#tell("frames");
        break;
      case "session":
        this.sessions = [...this.sessions.filter((session) => session.id !== data.id), data];
        this.#tell("sessions");
        break;
      case "message":
        this.messages.set(data.id, data);
        this.#tell("messages");
        break;
      case "reset":
        this.calls = new Map();
        this.frames = new Map();
        this.messages = new Map();
        for (const name of ["calls", "frames", "messages"]) this.#tell(name);
        break;
      case "dropped":
        this.#notice(`The server no longer has ${data.dropped} messages that this page has not seen.`);
        this.#readAll().catch((error) => this.#notice(error.message));
    }
  }

  #connected(connection) {
    this.connection = connection;
    this.#tell("connection");
  }

  #tell(name) {
    this.dispatchEvent(new Event(name));
  }

  #notice(words) {
    this.dispatchEvent(new CustomEvent("notice", { detail: words }));
  }
}
