// The storage bar of the map: what is used of the quota.

import { watchChanges } from "./changes.js";
import { element } from "./elements.js";
import { base, read } from "./server.js";
import * as words from "./words.js";

const TOGETHER_MS = 3_000;
const bar = document.getElementById("storage");
let timer;

export function watchStorage() {
  refresh();
  watchChanges(() => (timer ??= setTimeout(refresh, TOGETHER_MS)));
}

async function refresh() {
  timer = undefined;
  let found;
  try {
    found = await read("/api/analytics/storage?days=1");
  } catch {
    // The bar is a convenience: it stays as it is until the next change.
    return;
  }
  const { used, quota } = found;
  bar.hidden = false;
  bar.replaceChildren();
  if (quota) {
    const progress = element("progress", { max: quota, value: Math.min(used, quota) });
    progress.setAttribute("aria-label", "Storage");
    bar.append(progress);
  }
  // Whoever looks here wants room: the largest files are one click away.
  const textContent = quota ? `${words.size(used)} of ${words.size(quota)} used` : `${words.size(used)} used`;
  bar.append(element("a", { href: `${base}/?sort=largest`, title: "Show the largest files", textContent }));
}
