// Says that the session has ended, as long as it has: what is on the page and in the tray stays, and goes on afterwards.

import { element } from "./elements.js";
import { documentOf } from "./fetched.js";
import { base, viewer } from "./server.js";

let banner;
let looking = false;

export function watchSignIn() {
  document.addEventListener("refused", look);
  document.addEventListener("visibilitychange", () => banner && document.visibilityState === "visible" && look());
}

async function look() {
  if (looking) return;
  looking = true;
  try {
    const response = await fetch(`${base}/shared`, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    show((await documentOf(response)).body.dataset.viewer);
  } catch {
    // Nobody answered: that says nothing about the session.
  } finally {
    looking = false;
  }
}

function show(now) {
  if (now === viewer) {
    if (!banner) return;
    banner.remove();
    banner = undefined;
    document.dispatchEvent(new Event("unlocked"));
    return;
  }
  const waiting = document.querySelector("#uploads .upload") !== null;
  const text = now ? "Somebody else is signed in in this browser now." : `You are signed out.${waiting ? " Uploads wait until you sign in again." : ""}`;
  if (banner?.firstElementChild.textContent === text) return;
  banner?.remove();
  const way = element("a", { className: "button main", href: now ? `${base}/` : `${base}/sign-in?to=${encodeURIComponent(location.pathname.slice(base.length))}`, textContent: now ? "Show their files" : "Sign in" });
  // The queue lives in this page: another one signs in.
  if (waiting) way.target = "_blank";
  banner = element("div", { className: "banner" }, element("p", { textContent: text }), way);
  banner.setAttribute("role", "alert");
  document.body.append(banner);
}
