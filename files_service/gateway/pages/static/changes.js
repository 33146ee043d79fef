// Listens to what changes, once for all screens, while somebody can see the page: a browser has few connections to a server.

import { base } from "./server.js";

const AGAIN_MS = 5_000;
const listeners = new Set();
let source;
let timer;
let heardAt = -1;
let askedAt = 0;

// What lists of files show; cards and notices have pages of their own.
const isOfFiles = ({ event }) => event !== "notices" && !event.startsWith("card_");

// Calls back with each change of a kind, and returns a function that ends it.
export function watchChanges(changed, concerns = isOfFiles) {
  const listener = (change) => concerns(change) && changed(change);
  listeners.add(listener);
  // What came before the script of a screen.
  if (heardAt > askedAt) listener({ event: "reload" });
  if (listeners.size === 1) begin();
  return () => listeners.delete(listener);
}

// Tells when the content that is shown was asked for.
export function contentOf(time) {
  askedAt = time;
}

function open() {
  clearTimeout(timer);
  source?.close();
  source = new EventSource(`${base}/api/events`);
  source.onmessage = ({ data }) => {
    heardAt = performance.now();
    listeners.forEach((changed) => changed(JSON.parse(data)));
  };
  source.onerror = () => {
    // By itself it tries again only where the connection broke, not where the server refused.
    if (source.readyState !== EventSource.CLOSED) return;
    document.dispatchEvent(new Event("refused"));
    timer = setTimeout(open, AGAIN_MS);
  };
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = undefined;
}

function begin() {
  if (source) return;
  document.addEventListener("visibilitychange", () => (document.visibilityState === "visible" ? open() : close()));
  window.addEventListener("pagehide", close);
  open();
}
