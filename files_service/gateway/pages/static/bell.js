// The bell of the frame: the number of unread notices, and a panel with the last ones. Without scripts it leads to Activity.

import { watchChanges } from "./changes.js";
import { element } from "./dialogs.js";
import { documentOf } from "./fetched.js";
import { ask, base, tell } from "./server.js";
import { announce, count, failure, tellLocalTimes } from "./words.js";

const SHOWN = 7;
const bell = document.getElementById("bell");
let panel;
let unread = 0;

export function watchBell() {
  refresh();
  watchChanges(
    (change) => (change.event === "reload" ? refresh() : heard(change.unread)),
    ({ event }) => ["notices", "reload"].includes(event),
  );
  bell.setAttribute("role", "button");
  bell.setAttribute("aria-haspopup", "dialog");
  bell.setAttribute("aria-expanded", "false");
  bell.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    open();
  });
  bell.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    open();
  });
}

// Marks these notices, or all, as read.
export async function markRead(noticeIds = null) {
  show((await tell("POST", "/api/notifications/read", { notice_ids: noticeIds })).unread);
}

async function refresh() {
  try {
    show((await (await ask("GET", "/api/notifications?limit=1")).json()).unread);
  } catch {
    // The bell is a convenience: the next change brings another try.
  }
}

function heard(now) {
  if (now > unread) announce(count(now, "unread notice"));
  show(now);
}

function show(now) {
  unread = now;
  const badge = bell.querySelector(".count");
  badge.hidden = !now;
  badge.textContent = now > 99 ? "99+" : now;
  bell.setAttribute("aria-label", now ? `Notices, ${badge.textContent} unread` : "Notices");
}

async function open() {
  if (panel?.isConnected) return close();
  const heading = element("h2", { id: "notices-title", textContent: "Notices", tabIndex: -1 });
  const read = element("button", { type: "button", className: "quiet", textContent: "Mark all as read", hidden: !unread });
  const list = element("ul", { className: "files" });
  const all = element("a", { href: bell.href, textContent: "All activity" });
  panel = element("div", { className: "panel" }, element("header", {}, heading, read), list, element("p", {}, all));
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-labelledby", heading.id);
  panel.popover = "auto";
  panel.addEventListener("toggle", ({ newState }) => newState === "closed" && close());
  panel.addEventListener("click", (event) => {
    const row = event.target.closest("a[href]")?.closest(".notice.unread");
    if (row) markRead([row.dataset.noticeId]).catch(() => {});
    if (event.target.closest("a[href]")) close();
  });
  read.addEventListener("click", async () => {
    await markRead().catch(() => {});
    fill(list);
    heading.focus();
    read.hidden = true;
  });
  bell.after(panel);
  bell.setAttribute("aria-expanded", "true");
  panel.showPopover();
  heading.focus();
  fill(list);
}

function close() {
  const held = panel.contains(document.activeElement) || document.activeElement === document.body;
  panel.remove();
  bell.setAttribute("aria-expanded", "false");
  if (held) bell.focus();
}

// The rows are those of Activity, where their words are.
async function fill(list) {
  try {
    const page = await documentOf(await ask("GET", "/activity"));
    const rows = [...page.querySelectorAll("#notices > li")].slice(0, SHOWN);
    for (const form of rows.flatMap((row) => [...row.querySelectorAll("form")])) form.remove();
    list.replaceChildren(...rows);
    if (!rows.length) list.append(element("li", { className: "small", textContent: "Nothing new." }));
    tellLocalTimes(list);
  } catch (error) {
    list.replaceChildren(element("li", { className: "bad", textContent: `This could not be loaded. ${failure(error)}.` }));
  }
}
