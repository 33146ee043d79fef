// The screens: each is a module of its name that starts with the content of `<main>` and may return a function that stops it.

import { toast } from "./toast.js";
import { tellLocalTimes } from "./words.js";

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
  const { screen } = main.dataset;
  if (!screen) return;
  const { start } = await import(`./${screen}.js`).catch(() => ({}));
  if (!start) return toast("Not all of this page was loaded. Load it again.", { failed: true });
  // Somebody may have gone on meanwhile.
  if (document.getElementById("main") !== main) return;
  reveal(main);
  stop = start(main);
}
