// The dialog by which files are shared: a link with its rules, or access for everybody who has the address.

import { copyLink } from "./actions.js";
import { giveLink } from "./clipboard.js";
import { ask } from "./dialogs.js";
import { copyOf } from "./elements.js";
import { base, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const DAY_MS = 86_400_000;

// Shares files ({fileId, name, …}), or the folder of a path.
export async function share(files, changed, folder) {
  const subject = folder ?? (files.length === 1 ? files[0].name : words.count(files.length, "file"));
  const fields = copyOf("share-fields");
  const password = fields.querySelector("[name=password]");
  const made = await ask({
    title: `Share ${words.name(subject)}`,
    accept: "Create link",
    content: [fields, ...(folder || files.length > 1 ? [] : [addressOf(files[0], changed)])],
    submit: (data) => create(data, files, folder),
  });
  if (!made?.key) return;
  changed();
  await giveLink(`${base}/s/${made.key}`, password.value ? "Send the password separately" : "");
}

function create(data, files, folder) {
  const days = Number(data.get("days"));
  const body = {
    ...(folder ? { path: folder } : { items: files.map((file) => file.fileId) }),
    title: folder ? words.nameOf(folder) : files.length === 1 ? files[0].name : "",
    message: data.get("message"),
    expires_at: days ? Date.now() + days * DAY_MS : null,
  };
  if (data.get("password")) body.password = data.get("password");
  if (data.get("downloads")) body.max_downloads = Number(data.get("downloads"));
  return tell("POST", "/api/shares", body);
}

// Who may open the address of a file without a link of its own: nothing changes before a button says so.
function addressOf(file, changed) {
  const box = copyOf("share-address").firstElementChild;
  const [summary, set, copy, wrong] = box.querySelectorAll("summary, button, [role=alert]");
  const radios = [...box.querySelectorAll("input")];
  const show = () => (summary.textContent = `Address of the file: ${radios.find((each) => each.value === file.access)?.dataset.label ?? "Shared"}`);
  for (const each of radios) each.checked = each.value === file.access;
  show();
  copy.addEventListener("click", () => copyLink(file));
  set.addEventListener("click", async () => {
    const chosen = radios.find((each) => each.checked);
    if (!chosen) return;
    wrong.textContent = "";
    try {
      await tell("PUT", `/api/files/${file.fileId}/access`, { access: chosen.value });
      file.access = chosen.value;
      show();
      toast(`${words.name(file.name)}: ${chosen.dataset.label}, ${chosen.nextElementSibling.textContent}`);
      changed();
    } catch (error) {
      wrong.textContent = `${words.name(file.name)} was not changed. ${words.failure(error)}.`;
    }
  });
  return box;
}
