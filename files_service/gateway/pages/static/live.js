// Listens to what changes, while somebody can see the page: a browser has few connections to one server.

import { base } from "./server.js";

const AGAIN_MS = 5_000;
let source;
let timer;

export function watchChanges(changed) {
  const open = () => {
    clearTimeout(timer);
    source?.close();
    source = new EventSource(`${base}/api/events`);
    source.onmessage = ({ data }) => changed(JSON.parse(data));
    source.onerror = () => {
      // By itself it tries again only where the connection broke, not where the server refused.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
  };
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return open();
    clearTimeout(timer);
    source?.close();
  });
  open();
}
