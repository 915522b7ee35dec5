// The start of the page: the token, the views, the selected call in the address, the keys.

import { announceCalls } from "./announcer.js";
import { ControlApi } from "./api.js";
import { CallList } from "./call_list.js";
import { CallView } from "./call_view.js";
import { askForToken, bindDialogs, openCallDialog } from "./dialogs.js";
import { byId } from "./dom.js";
import { Ladder } from "./ladder.js";
import { MessageView } from "./message_view.js";
import { ServerState } from "./server_state.js";
import { ServerView } from "./server_view.js";
import { bindShortcuts } from "./shortcuts.js";

const CONNECTION_WORDS = { connecting: "connecting", live: "live", lost: "connection lost, trying again", refused: "token refused" };

/** Take the token out of the address (`#token=…`), so that the address can be shown and copied. */
function takeToken() {
  const values = new URLSearchParams(location.hash.slice(1));
  const token = values.get("token") ?? "";
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

const api = new ControlApi(takeToken());
const state = new ServerState(api, async () => {
  api.token = await askForToken(api.hasToken ? "The server refused that token." : "");
});

const messageView = new MessageView(() => ladder.focus());
const ladder = new Ladder(state, {
  onActive: (frame) => messageView.isOpen && messageView.open(frame),
  onOpen: (frame) => messageView.open(frame),
});
const callList = new CallList(state, { onSelect: showCall, onOpen: () => ladder.focus() });
new CallView(state, api);
new ServerView(state);
announceCalls(state);
bindDialogs(api, state, (id) => {
  showCall(id);
  ladder.focus();
});

/** Show a call, and name it in the address. */
function showCall(id) {
  history.replaceState(null, "", `#call=${encodeURIComponent(id)}`);
  showAddress();
}

/** Show what the address names: `#server`, `#call=ID` or `#calls`. */
function showAddress() {
  const values = new URLSearchParams(location.hash.slice(1));
  const isServer = values.has("server");
  byId("server-view").hidden = !isServer;
  byId("calls-view").hidden = isServer;
  byId("show-server").ariaCurrent = isServer ? "page" : null;
  byId("show-calls").ariaCurrent = isServer ? null : "page";
  if (isServer || !values.has("call")) return;
  if (values.get("call") !== state.selected) messageView.close({ quietly: true });
  state.select(values.get("call"));
}

/** Close what is open, step by step: the message, then the messages of the call. */
function goBack() {
  if (messageView.isOpen) messageView.close();
  else if (document.activeElement === byId("filter-text") && byId("filter-text").value) clearFilter();
  else callList.focus();
}

function clearFilter() {
  byId("filter-text").value = "";
  byId("filter").dispatchEvent(new Event("input"));
}

bindShortcuts({
  "/": () => byId("filter-text").focus(),
  "?": () => byId("help-dialog").showModal(),
  n: () => openCallDialog(state),
  d: () => byId("press-digits").focus(),
  s: () => byId("say-text").focus(),
  Escape: goBack,
});

state.addEventListener("connection", () => {
  byId("connection").dataset.state = state.connection;
  byId("connection").textContent = CONNECTION_WORDS[state.connection];
});
state.addEventListener("notice", ({ detail }) => {
  byId("notice").textContent = detail;
  byId("notice").hidden = false;
  setTimeout(() => (byId("notice").hidden = true), 8000);
});
addEventListener("hashchange", showAddress);
// A browser that keeps the page for its Back button would keep the connection too, and it has only six of them for a server.
addEventListener("pagehide", () => state.disconnect());
showAddress();
state.follow();
