// The screens: each is a module that starts with the content of `<main>` and may return a function that stops it.

import { toast } from "./toast.js";
import { tellLocalTimes } from "./words.js";

const MODULES = {
  file: "./access.js",
  activity: "./activity.js",
  admin: "./admin.js",
  files: "./files.js",
  photos: "./photos.js",
  cards: "./cards.js",
  settings: "./settings.js",
  shared: "./links.js",
  trash: "./trash.js",
  versions: "./versions.js",
};

let stop;

// Offers what needs scripts, which are here.
export function reveal(part) {
  for (const each of part.querySelectorAll(".scripted")) each.hidden = false;
}

export async function showScreen() {
  stop?.();
  stop = undefined;
  const main = document.getElementById("main");
  tellLocalTimes(main);
  const module = MODULES[main.dataset.screen];
  if (!module) return;
  const { start } = await import(module).catch(() => ({}));
  if (!start) return toast("Not all of this page was loaded. Load it again.", { failed: true });
  // Somebody may have gone on meanwhile.
  if (document.getElementById("main") !== main) return;
  reveal(main);
  stop = start(main);
}
