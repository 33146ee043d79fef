// The versions of a file: one is restored, named or removed, and the next one uploaded.

import { ask as dialog } from "./dialogs.js";
import { element, field } from "./elements.js";
import { pick } from "./picking.js";
import { Refresher } from "./refresher.js";
import { ask, tell } from "./server.js";
import { complain, toast } from "./toast.js";
import { take } from "./tray.js";
import { versionPath } from "./upload.js";
import * as words from "./words.js";

export function start(main) {
  const list = main.querySelector("#list");
  const { of: fileId, name } = list.dataset;
  const refresher = new Refresher(main, () => {}, ({ event, file_id: changedId }) => event === "reload" || changedId === fileId);
  const changed = refresher.soon;
  const address = (version) => `/api/files/${fileId}/version/${encodeURIComponent(version.fileId)}`;

  async function attempt(work, done, undo) {
    try {
      await work();
      toast(done, undo ? { undo } : {});
    } catch (error) {
      complain("Nothing was changed", error);
    }
    changed();
  }

  const deeds = {
    "restore-version": (version) => {
      const current = list.querySelector(".file").dataset;
      const back = () => attempt(() => ask("PUT", address(current)), "Undone");
      return attempt(() => ask("PUT", address(version)), `${titleOf(version)} is the current one`, back);
    },
    "remove-version": async (version) => {
      const text = `${titleOf(version)} of ${words.name(name)}, ${words.size(Number(version.size))}, is removed for good.`;
      const sure = await dialog({ title: "Remove this version?", content: [element("p", { textContent: text })], accept: "Remove", danger: true, submit: () => true });
      if (sure) await attempt(() => ask("DELETE", address(version)), `${titleOf(version)} is removed`);
    },
    "label-version": async (version) => {
      const input = element("input", { name: "label", value: version.label, maxLength: 100, autocomplete: "off" });
      await dialog({
        title: "Name of this version",
        accept: "Save",
        content: [field("Name", input, "A named version is kept. Empty: no name.")],
        submit: (data) => tell("PUT", address(version), { label: data.get("label").trim() || null }),
      });
      changed();
    },
  };

  main.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".new-version")) {
      const [chosen] = await pick({ multiple: false });
      return take([{ file: chosen.file, path: versionPath(fileId, name) }]);
    }
    const deed = button && Object.keys(deeds).find((each) => button.classList.contains(each));
    if (deed) deeds[deed](button.closest(".file").dataset);
  });
  return () => refresher.stop();
}

const titleOf = ({ label, number }) => (label ? words.name(label) : `Version ${number}`);
