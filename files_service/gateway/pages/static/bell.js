// The bell of the frame: the number of unread notices, and a panel with the last ones. Without scripts it leads to Activity.

import { watchChanges } from "./changes.js";
import { element } from "./elements.js";
import { documentOf } from "./fetched.js";
import { ask, base, read, tell } from "./server.js";
import { announce, count, failure, tellLocalTimes } from "./words.js";

const SHOWN = 7;
const bell = document.getElementById("bell");
const panel = document.getElementById("notices-panel");
const [heading, all, list] = panel.querySelectorAll("h2, button, ul");
const messages = document.getElementById("toasts");
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
  panel.addEventListener("beforetoggle", ({ newState }) => {
    bell.setAttribute("aria-expanded", String(newState === "open"));
    // The panel lies over all: messages are shown in it while it is open.
    (newState === "open" ? panel : document.body).append(messages);
  });
  panel.addEventListener("click", (event) => {
    const row = event.target.closest("a[href]")?.closest(".notice.unread");
    if (row) markRead([row.dataset.noticeId]).catch(() => {});
    if (event.target.closest("a[href]")) panel.hidePopover();
  });
  all.addEventListener("click", async () => {
    await markRead().catch(() => {});
    fill();
    heading.focus();
    all.hidden = true;
  });
  // A press outside of the panel closes it: one on the bell does not open it again.
  let wasOpen;
  bell.addEventListener("pointerdown", () => (wasOpen = isOpen()));
  bell.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    if (!wasOpen) open();
    wasOpen = false;
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
    show((await read("/api/notifications?limit=1")).unread);
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

const isOpen = () => panel.matches(":popover-open");

function open() {
  if (isOpen()) return panel.hidePopover();
  all.hidden = !unread;
  panel.showPopover({ source: bell });
  heading.focus();
  fill();
}

// The rows are those of Activity, where their words are.
async function fill() {
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
