// The pages of memory cards: what is shown follows what happens.

import { watchChanges } from "./changes.js";
import { documentOf } from "./fetched.js";
import { ask } from "./server.js";
import { tellLocalTimes } from "./words.js";

const TOGETHER_MS = 500;

export function start(main) {
  const live = main.querySelector("#live");
  const shown = live?.dataset.sessionId;
  let timer;

  function concerns({ event, session_id: sessionId }) {
    if (event === "reload") return true;
    if (!event.startsWith("card_")) return false;
    return !shown || !sessionId || sessionId === shown;
  }

  async function refresh() {
    timer = undefined;
    try {
      const response = await ask("GET", location.pathname.slice(document.body.dataset.base.length) + location.search);
      const fresh = (await documentOf(response)).getElementById("live");
      if (fresh && live.isConnected) live.replaceChildren(...fresh.childNodes);
      tellLocalTimes(live);
    } catch {
      // The next change, or the next connection, brings another try.
    }
  }

  return watchChanges(() => (timer ??= setTimeout(refresh, TOGETHER_MS)), (message) => live && concerns(message));
}
