// The control API, as the page calls it.

import { readEvents } from "./event_stream.js";

/** An answer of the server that is an error, or no answer (status 0). */
export class ApiError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

export class ControlApi {
  #token;

  /** @param {string} token the bearer token; "" for none */
  constructor(token = "") {
    this.#token = token;
  }

  /** Whether a token is sent. */
  get hasToken() {
    return this.#token !== "";
  }

  /** Use this token from now on. */
  set token(token) {
    this.#token = token;
  }

  /** GET an object. */
  async get(path, query = {}) {
    return (await this.#send("GET", path, { query })).json();
  }

  /** GET every entry of a list, page by page; return the entries, and how many more the server has dropped. */
  async list(path, query = {}) {
    const entries = [];
    let dropped = 0;
    for (let after; after !== null; ) {
      const page = await this.get(path, { ...query, after });
      entries.push(...page.data);
      dropped = page.dropped;
      after = page.data.length ? (page.next ?? null) : null;
    }
    return { entries, dropped };
  }

  /** POST an object; return the answer, null when it has no content. */
  async post(path, body = {}) {
    const answer = await this.#send("POST", path, { body });
    return answer.status === 204 ? null : answer.json();
  }

  /** GET a file; return its name and its content. */
  async file(path, query = {}) {
    const answer = await this.#send("GET", path, { query });
    const named = /filename="?([^";]+)/.exec(answer.headers.get("content-disposition") ?? "");
    return { name: named ? named[1] : path.split("/").at(-1), content: await answer.blob() };
  }

  /** Begin to follow the events; return an iterator over them that ends with the connection, or by the signal. */
  async events(signal) {
    const answer = await this.#send("GET", "/v1/events", { accept: "text/event-stream", signal });
    return readEvents(answer.body);
  }

  async #send(method, path, { query = {}, body, accept = "application/json", signal }) {
    const headers = { Accept: accept };
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
    const url = wanted.length ? `${path}?${new URLSearchParams(wanted)}` : path;
    let answer;
    try {
      answer = await fetch(url, { method, headers, body: JSON.stringify(body), signal, credentials: "omit", redirect: "error" });
    } catch {
      throw new ApiError("The server cannot be reached.");
    }
    if (!answer.ok) throw new ApiError(await messageOf(answer), answer.status);
    return answer;
  }
}

/** Return what an error says, in the server's words when it has some. */
async function messageOf(answer) {
  try {
    const { errors } = await answer.json();
    return errors.map((error) => error.message).join(" ");
  } catch {
    return `The server answered ${answer.status}.`;
  }
}
