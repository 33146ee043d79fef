// The dialog by which files are shared: a link with its rules, or access for everybody who has the address.

import { copyLink } from "./actions.js";
import { giveLink } from "./clipboard.js";
import { ask } from "./dialogs.js";
import { button, copyOf, element } from "./elements.js";
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
    content: [fields, ...(folder || files.length > 1 ? [] : [openButtons(files[0], changed)])],
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
function openButtons(file, changed) {
  const choices = { private: ["Private", "for you alone"], unlisted: ["Link", "no sign-in needed"], public: ["Public", "visible to everyone"] };
  const radios = Object.entries(choices).map(([access, [label, note]]) => {
    const input = element("input", { type: "radio", name: "access", value: access, checked: file.access === access });
    return element("label", { className: "field" }, input, ` ${label} `, element("span", { className: "small", textContent: note }));
  });
  const set = button("Set access", setAccess);
  const copy = button("Copy address", () => copyLink(file));
  const box = element("details", {}, element("summary", { textContent: `Address of the file: ${choices[file.access]?.[0] ?? "Shared"}` }), ...radios, element("p", { className: "buttons" }, set, copy));
  // An error stands beside what caused it.
  const wrong = element("p");
  wrong.setAttribute("role", "alert");
  box.append(wrong);
  async function setAccess() {
    const chosen = radios.map((each) => each.firstElementChild).find((each) => each.checked)?.value;
    if (!chosen) return;
    wrong.textContent = "";
    try {
      await tell("PUT", `/api/files/${file.fileId}/access`, { access: chosen });
      file.access = chosen;
      box.querySelector("summary").textContent = `Address of the file: ${choices[chosen][0]}`;
      toast(`${words.name(file.name)}: ${choices[chosen][0]}, ${choices[chosen][1]}`);
      changed();
    } catch (error) {
      wrong.textContent = `${words.name(file.name)} was not changed. ${words.failure(error)}.`;
    }
  }
  return box;
}
