// What this browser remembers of unfinished uploads. The bytes of a file it may not keep: the file is selected again.

import { viewer } from "./server.js";

const PREFIX = `files:upload:${document.body.dataset.uploads ?? viewer}:`;

// Held by the page that sends it; others may send the same file elsewhere.
export const lockOf = (print) => PREFIX + print;

export function fingerprint(file, path) {
  return JSON.stringify([path, file.size, file.lastModified]);
}

export function remember(print, uploadId) {
  try {
    localStorage.setItem(PREFIX + print, JSON.stringify({ uploadId }));
  } catch {
    // Full, or forbidden: then an upload only goes on while the page is open.
  }
}

export function recall(print) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + print))?.uploadId;
  } catch {
    return undefined;
  }
}

export function forget(print) {
  try {
    localStorage.removeItem(PREFIX + print);
  } catch {
    // Nothing was remembered then.
  }
}

export function unfinished() {
  const found = [];
  try {
    for (const key of Object.keys(localStorage)) {
      if (!key.startsWith(PREFIX)) continue;
      const print = key.slice(PREFIX.length);
      const [path, size, modified] = JSON.parse(print);
      found.push({ print, path, size, modified, uploadId: recall(print) });
    }
  } catch {
    // As above.
  }
  return found;
}
