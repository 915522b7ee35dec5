// Follows a server whose stream has these events, and then ends. Argument: the events. Returns what the page knows afterwards.
const { ServerState } = await import("/assets/scripts/server_state.js");
const [events] = arguments;
const calls = [{ id: "listed", created_at: 1 }];
let reads = 0;
const api = {
  async events() {
    if (reads) return new Promise(() => {}); // the second connection brings nothing
    return events;
  },
  async get() {
    return {};
  },
  async list(path) {
    if (path === "/v1/calls") reads += 1;
    return { entries: path === "/v1/calls" ? calls : [], dropped: 0 };
  },
};
const state = new ServerState(api, async () => {});
const told = [];
for (const name of ["new-call", "notice"]) state.addEventListener(name, ({ detail }) => told.push(detail.id ?? detail));
const lost = new Promise((resolve) => {
  state.addEventListener("connection", () => state.connection === "lost" && resolve());
});
state.follow();
await lost;
return { calls: [...state.calls.keys()], reads, told };
