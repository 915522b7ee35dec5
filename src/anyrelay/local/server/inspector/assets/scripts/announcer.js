// Tells users of a screen reader about new calls, once a second at most.

import { byId } from "./dom.js";
import { party } from "./words.js";

/** @param {ServerState} state */
export function announceCalls(state) {
  let fresh = [];
  state.addEventListener("new-call", ({ detail }) => {
    fresh.push(detail);
    if (fresh.length > 1) return;
    setTimeout(() => {
      const [call] = fresh;
      const words = fresh.length > 1 ? `${fresh.length} new calls` : `New call from ${party(call.from)} to ${call.context || party(call.to)}`;
      byId("announcements").textContent = words;
      fresh = [];
    }, 1000);
  });
}
