// Looks, while somebody sees the page, whether it may still be seen; if not, the page says so instead of what it showed.

import { documentOf, showMain } from "./fetched.js";

const EVERY_MS = 10_000;
const ENDED = new Set([401, 403, 404, 410]);

// The screen of one file.
export const start = () => watchAccess();

// Calls back after the page has been replaced. Returns a function that ends the looking.
export function watchAccess(replaced = () => {}) {
  let looking = false;
  let over = false;
  const look = async () => {
    if (looking || over || document.visibilityState !== "visible") return;
    looking = true;
    try {
      // An address that was changed by scripts is still that of this page.
      const { status } = await fetch(location.href, { method: "HEAD", headers: { Accept: "text/html" } });
      if (ENDED.has(status)) over = await replace();
      if (over) {
        stop();
        replaced();
      }
    } catch {
      // Nobody answered: that says nothing about the access.
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(look, EVERY_MS);
  const stop = () => {
    clearInterval(timer);
    window.removeEventListener("focus", look);
    document.removeEventListener("visibilitychange", look);
    document.removeEventListener("refused", look);
    document.removeEventListener("error", look, true);
  };
  window.addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
  document.addEventListener("refused", look);
  // A picture or a clip that does not load is often the first sign.
  document.addEventListener("error", look, true);
  return stop;
}

// Shows what the server says now. Returns whether it still refuses.
async function replace() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!ENDED.has(response.status)) return false;
  showMain(await documentOf(response));
  return true;
}
