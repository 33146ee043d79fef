// Activity: notices as they come, and what this window did and can undo.

import { restore } from "./actions.js";
import { markRead } from "./bell.js";
import { watchChanges } from "./changes.js";
import { element } from "./dialogs.js";
import { icon } from "./icon.js";
import { Refresher } from "./refresher.js";
import { undoable } from "./toast.js";
import { count, tellLocalTimes } from "./words.js";

export function start(main) {
  const list = main.querySelector("#list");
  const refresher = new Refresher(list, prepare);
  const changed = () => refresher.soon();

  function prepare() {
    for (const each of main.querySelectorAll(".scripted")) each.hidden = !list.querySelector(".notice.unread");
    tellLocalTimes(list);
    drawUndoable(main, changed);
  }

  main.addEventListener("submit", async (event) => {
    if (!event.target.matches(".undo")) return;
    event.preventDefault();
    const ids = new FormData(event.target).getAll("file_id");
    const files = ids.map((fileId) => ({ fileId, name: count(1, "file") }));
    event.target.remove();
    await restore(files, changed);
  });
  main.addEventListener("click", async (event) => {
    const row = event.target.closest("a[href]")?.closest(".notice.unread");
    if (row) markRead([row.dataset.noticeId]).catch(() => {});
    if (event.target.closest(".read-all")) await markRead().then(changed, () => {});
  });
  prepare();
  const end = watchChanges(changed, ({ event }) => ["notices", "reload"].includes(event));
  return () => {
    refresher.stop();
    end();
  };
}

function drawUndoable(main, changed) {
  const section = main.querySelector("#undoable");
  const done = undoable();
  section.hidden = !done.length;
  const rows = done.map(({ text, undo }) => {
    const button = element("button", { type: "button" }, icon("undo"), "Undo", element("span", { className: "hidden", textContent: `: ${text}` }));
    button.addEventListener("click", async () => {
      await undo();
      drawUndoable(main, changed);
      changed();
    });
    const about = element("div", { className: "about" }, element("bdi", { className: "name", textContent: text }));
    return element("li", { className: "file" }, element("span", { className: "thumbnail" }, icon("activity")), about, element("div", { className: "deeds" }, button));
  });
  section.querySelector("ul").replaceChildren(...rows);
}
