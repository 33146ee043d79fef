// Links between the pages: `<main>` is replaced, so that uploads go on. Anything unusual is a full load.

import { contentOf } from "./changes.js";
import { documentOf } from "./fetched.js";
import { base, Broken, viewer } from "./server.js";
import { showScreen } from "./screens.js";
import { complain } from "./toast.js";
import { isBusy } from "./tray.js";

const PAGES = /^\/(photos|cards(\/.*)?|shared|trash|activity|settings|admin(\/.*)?|versions\/[^/]+|download\/[^/]+)?$/;
const { build } = document.body.dataset;
let loading;
let shown = pageOf(location);

export function watchNavigation() {
  history.scrollRestoration = "manual";
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || !isPage(link)) return;
    event.preventDefault();
    go(link.href);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "get" || !isPage(new URL(form.action))) return;
    event.preventDefault();
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    go(`${form.action.split("?")[0]}${query.size ? `?${query}` : ""}`);
  });
  window.addEventListener("popstate", ({ state }) => {
    // A place of the page that is shown, such as that of the skip link.
    if (location.hash && pageOf(location) === shown) return;
    // What was asked, and a picture that is open, belong to the page that is left.
    for (const open of document.querySelectorAll("dialog[open]")) open.close();
    show(location.href, state?.scroll ?? 0);
  });
  window.addEventListener("beforeunload", (event) => isBusy() && event.preventDefault());
}

// Goes to a page of ours.
export function go(url) {
  history.replaceState({ scroll: scrollY }, "");
  return show(url, 0, () => history.pushState(null, "", url));
}

function pageOf({ pathname, search }) {
  return pathname + search;
}

function isPage(url) {
  if (url.origin !== location.origin || !url.pathname.startsWith(base)) return false;
  if (url.hash && url.pathname === location.pathname) return false;
  return PAGES.test(url.pathname.slice(base.length)) && !new URLSearchParams(url.search).has("raw");
}

async function show(url, scroll, enter = () => {}) {
  loading?.abort();
  const { signal } = (loading = new AbortController());
  const askedAt = performance.now();
  const before = document.activeElement;
  let fresh;
  try {
    const response = await fetch(url, { headers: { Accept: "text/html" }, signal });
    if (response.redirected) throw new Error("elsewhere");
    fresh = await documentOf(response);
  } catch (error) {
    if (error.name === "AbortError") return;
    // Without a network a full load would take this page away. Back and forward have left it already.
    if (error instanceof TypeError && pageOf(location) === shown) return complain("The page was not opened", new Broken(error.message));
    return void location.assign(url);
  }
  if (signal.aborted) return;
  const { dataset } = fresh.body;
  // Another version of the scripts, or another person.
  if (dataset.build !== build || dataset.viewer !== viewer) return void location.assign(url);
  enter();
  shown = pageOf(location);
  const swap = () => {
    document.getElementById("main").replaceWith(fresh.getElementById("main"));
    document.title = fresh.title;
    mark(fresh, before);
    scrollTo(0, scroll);
  };
  await swapped(swap);
  const heading = document.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  if ([before, document.body].includes(document.activeElement)) heading?.focus({ preventScroll: true });
  contentOf(askedAt);
  showScreen();
}

async function swapped(swap) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (!document.startViewTransition || still || document.visibilityState === "hidden") return swap();
  const transition = document.startViewTransition(swap);
  transition.finished.catch(() => {});
  transition.ready.catch(() => {});
  await transition.updateCallbackDone;
}

// The map and the search field are those of the page that is shown now.
function mark(fresh, before) {
  const here = new Map([...fresh.querySelectorAll(".map a")].map((link) => [link.href, link.getAttribute("aria-current")]));
  for (const link of document.querySelectorAll(".map a")) {
    if (here.get(link.href)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const search = document.querySelector("#search input");
  // Whoever has gone on to write there is not interrupted.
  if (search !== document.activeElement || search === before) search.value = fresh.querySelector("#search input")?.value ?? "";
  for (const open of document.querySelectorAll("details[open]:is(.menu, .others)")) open.open = false;
}
