// One's own links: copied, paused, revoked; and links by which others send files.

import { giveLink } from "./clipboard.js";
import { watchChanges } from "./changes.js";
import { ask as dialog, element, field } from "./dialogs.js";
import { Refresher } from "./refresher.js";
import { ask, base, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const DAY_MS = 86_400_000;

export function start(main) {
  const list = main.querySelector("#list");
  const refresher = new Refresher(list, prepare);
  const changed = () => refresher.soon();

  function prepare() {
    for (const each of main.querySelectorAll(".scripted")) each.hidden = false;
    words.tellLocalTimes(list);
  }

  async function attempt(work) {
    try {
      await work();
      changed();
    } catch (error) {
      toast(`The link was not changed. ${words.failure(error)}.`, { failed: true });
    }
  }

  const setState = (shareId, state) => tell("PATCH", `/api/shares/${shareId}`, { state });
  const deeds = {
    copy: ({ link }) => giveLink(new URL(link, location.href).href),
    pause: ({ shareId, state }) => attempt(() => setState(shareId, state === "active" ? "paused" : "active")),
    revoke: ({ shareId, name }) =>
      attempt(async () => {
        await ask("DELETE", `/api/shares/${shareId}`);
        toast(`${name} is closed`, { undo: () => attempt(() => setState(shareId, "active")) });
      }),
  };
  main.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".request-files")) return requestFiles(changed);
    const deed = button && Object.keys(deeds).find((name) => button.classList.contains(name));
    if (deed) deeds[deed](button.closest(".file").dataset);
  });
  prepare();
  const end = watchChanges(changed);
  return () => {
    refresher.stop();
    end();
  };
}

async function requestFiles(changed) {
  const title = element("input", { name: "title", maxLength: 200, autocomplete: "off" });
  const folder = element("input", { name: "path", value: "Received", maxLength: 1024, autocomplete: "off" });
  const days = element("input", { name: "days", type: "number", value: 14, min: 1, max: 3650, required: true });
  const made = await dialog({
    title: "Request files",
    accept: "Create link",
    content: [
      element("p", { className: "small", textContent: "Whoever has the link can upload files to you and sees none of yours." }),
      field("Title", title, "Shown to the sender, such as: Photos of the wedding"),
      field("Folder", folder, "Where the files go, by sender."),
      field("The link expires after days", days),
    ],
    submit: async (data) => {
      const expires_at = Date.now() + Number(data.get("days")) * DAY_MS;
      try {
        return await tell("POST", "/api/shares", { kind: "drop", title: data.get("title"), path: data.get("path") || null, expires_at });
      } catch (error) {
        throw new Error(`${words.failure(error)}.`);
      }
    },
  });
  if (!made?.key) return;
  changed();
  await giveLink(new URL(`${base}/s/${made.key}`, location.href).href);
}
