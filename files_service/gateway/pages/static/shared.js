// One's own links: copied, paused, revoked; and links by which others send files.

import { giveLink } from "./clipboard.js";
import { ask as dialog } from "./dialogs.js";
import { copyOf } from "./elements.js";
import { Refresher } from "./refresher.js";
import { ask, base, tell } from "./server.js";
import { complain, toast } from "./toast.js";

const DAY_MS = 86_400_000;

export function start(main) {
  const refresher = new Refresher(main);
  const changed = refresher.soon;

  async function attempt(work) {
    try {
      await work();
      changed();
    } catch (error) {
      complain("The link was not changed", error);
    }
  }

  const setState = (shareId, state) => tell("PATCH", `/api/shares/${shareId}`, { state });
  const deeds = {
    copy: ({ link }) => giveLink(link),
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
  return () => refresher.stop();
}

async function requestFiles(changed) {
  const made = await dialog({
    title: "Request files",
    accept: "Create link",
    content: [copyOf("request-fields")],
    submit: (data) => {
      const expires_at = Date.now() + Number(data.get("days")) * DAY_MS;
      return tell("POST", "/api/shares", { kind: "drop", title: data.get("title"), path: data.get("path") || null, expires_at });
    },
  });
  if (!made?.key) return;
  changed();
  await giveLink(`${base}/s/${made.key}`);
}
