// Activity: notices as they come, and what this window did and can undo.

import { restore } from "./actions.js";
import { markRead } from "./bell.js";
import { element, icon, row } from "./elements.js";
import { Refresher } from "./refresher.js";
import { undoable } from "./toast.js";
import { count } from "./words.js";

export function start(main) {
  const prepare = () => {
    main.querySelector(".read-all").hidden = !main.querySelector(".notice.unread");
    drawUndoable(main, changed);
  };
  const refresher = new Refresher(main, prepare, ({ event }) => ["notices", "reload"].includes(event));
  const changed = refresher.soon;

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
  return () => refresher.stop();
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
    return row("activity", text, [], button);
  });
  section.querySelector("ul").replaceChildren(...rows);
}
