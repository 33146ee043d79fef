// The trash: files and folders are restored, or all of it is deleted for good.

import * as actions from "./actions.js";
import { watchChanges } from "./changes.js";
import { ask as confirm, element } from "./dialogs.js";
import { Refresher } from "./refresher.js";
import { clear, fileOf, watchSelection } from "./selection.js";
import { ask, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

export function start(main) {
  clear();
  const list = main.querySelector("#list");
  const refresher = new Refresher(list, prepare);
  const changed = () => refresher.soon();
  const redraw = watchSelection(list, {
    Restore: async (files) => {
      await actions.restore(files, changed);
      clear();
      redraw();
    },
  });

  function prepare() {
    for (const each of main.querySelectorAll(".scripted")) each.hidden = false;
    words.tellLocalTimes(list);
    redraw();
  }

  async function restoreFolder({ folder, trashedAt }) {
    try {
      await tell("POST", "/api/trash/restore", { path: folder, trashed_at: Number(trashedAt) });
      toast(`${words.name(folder)} restored`);
    } catch (error) {
      toast(`${words.name(folder)} could not be restored. ${words.failure(error)}.`, { failed: true });
    }
    changed();
  }

  async function empty() {
    const text = "Everything in the trash is deleted for good. This cannot be undone.";
    const content = [element("p", { textContent: text })];
    const submit = async () => {
      try {
        await ask("DELETE", "/api/trash");
      } catch (error) {
        throw new Error(`${words.failure(error)}.`);
      }
    };
    if (!(await confirm({ title: "Empty the trash?", content, accept: "Delete for good", danger: true, submit }))) return;
    toast("The trash is being emptied");
    changed();
  }

  const hear = (event) => {
    const button = event.target.closest("button");
    const row = button?.closest(".file");
    if (button?.matches(".restore")) actions.restore([fileOf(row)], changed);
    if (button?.matches(".restore-folder")) restoreFolder(row.dataset);
    if (button?.matches(".empty-trash")) empty();
  };
  main.addEventListener("click", hear);
  prepare();
  const end = watchChanges(changed);
  return () => {
    clear();
    refresher.stop();
    end();
  };
}
