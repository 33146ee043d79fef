// The trash: files and folders are restored, or all of it is deleted for good.

import * as actions from "./actions.js";
import { ask as confirm } from "./dialogs.js";
import { element } from "./elements.js";
import { restoreFolder, tellEnd } from "./folders.js";
import { Refresher } from "./refresher.js";
import { clear, fileOf, watchSelection } from "./selection.js";
import { ask } from "./server.js";

export function start(main) {
  clear();
  const list = main.querySelector("#list");
  const refresher = new Refresher(main, () => redraw());
  const changed = refresher.soon;
  const redraw = watchSelection(list, {
    Restore: async (files) => {
      await actions.restore(files, changed);
      clear();
      redraw();
    },
  });

  async function empty() {
    const text = "Everything in the trash is deleted for good. This cannot be undone.";
    const content = [element("p", { textContent: text })];
    const submit = async () => (await ask("DELETE", "/api/trash")).json();
    const job = await confirm({ title: "Empty the trash?", content, accept: "Delete for good", danger: true, submit });
    if (job) await tellEnd(job, "The trash is empty", changed);
  }

  const hear = (event) => {
    const button = event.target.closest("button");
    const row = button?.closest(".file");
    if (button?.matches(".restore")) actions.restore([fileOf(row)], changed);
    if (button?.matches(".restore-folder")) restoreFolder(row.dataset.folder, Number(row.dataset.trashedAt), changed);
    if (button?.matches(".empty-trash")) empty();
  };
  main.addEventListener("click", hear);
  return () => {
    clear();
    refresher.stop();
  };
}
