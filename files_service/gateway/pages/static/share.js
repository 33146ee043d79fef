// The dialog by which files are shared: a link with its rules, or access for everybody who has the address.

import { copyLink } from "./actions.js";
import { giveLink } from "./clipboard.js";
import { ask, element, field } from "./dialogs.js";
import { base, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const DAY_MS = 86_400_000;
const EXPIRIES = { 1: "1 day", 7: "7 days", 30: "30 days", "": "Never" };

// Shares files ({fileId, name, …}), or the folder of a path.
export async function share(files, changed, folder) {
  const subject = folder ?? (files.length === 1 ? files[0].name : words.count(files.length, "file"));
  const expires = element("select", { name: "days" });
  for (const [days, label] of Object.entries(EXPIRIES)) expires.append(new Option(label, days, days === "7", days === "7"));
  const password = element("input", { name: "password", type: "text", minLength: 8, maxLength: 1024, autocomplete: "off" });
  const most = element("input", { name: "downloads", type: "number", min: 1, max: 100000, inputMode: "numeric" });
  const message = element("textarea", { name: "message", rows: 2, maxLength: 2000 });
  const more = element("details", {}, element("summary", { textContent: "More" }), field("Number of downloads", most, "Empty: any number."), field("Message", message));
  const made = await ask({
    title: `Share ${words.name(subject)}`,
    accept: "Create link",
    content: [
      field("The link expires after", expires),
      field("Password", password, "Optional, 8 characters or more. Send it by another way than the link."),
      more,
      ...(folder || files.length > 1 ? [] : [openButtons(files[0], changed)]),
    ],
    submit: (data) => create(data, files, folder),
  });
  if (!made?.key) return;
  const link = new URL(`${base}/s/${made.key}`, location.href).href;
  changed();
  await giveLink(link, password.value ? "Send the password separately" : "");
}

async function create(data, files, folder) {
  const days = Number(data.get("days"));
  const body = {
    ...(folder ? { path: folder } : { items: files.map((file) => file.fileId) }),
    title: folder ? words.nameOf(folder) : files.length === 1 ? files[0].name : "",
    message: data.get("message"),
    expires_at: days ? Date.now() + days * DAY_MS : null,
  };
  if (data.get("password")) body.password = data.get("password");
  if (data.get("downloads")) body.max_downloads = Number(data.get("downloads"));
  try {
    return await tell("POST", "/api/shares", body);
  } catch (error) {
    throw new Error(`${words.failure(error)}.`);
  }
}

// Who may open the address of a file without a link of its own: nothing changes before a button says so.
function openButtons(file, changed) {
  const choices = { private: ["Private", "for you alone"], unlisted: ["Link", "no sign-in needed"], public: ["Public", "visible to everyone"] };
  const radios = Object.entries(choices).map(([access, [label, note]]) => {
    const input = element("input", { type: "radio", name: "access", value: access, checked: file.access === access });
    return element("label", { className: "field" }, input, ` ${label} `, element("span", { className: "small", textContent: note }));
  });
  const set = element("button", { type: "button", textContent: "Set access" });
  const copy = element("button", { type: "button", textContent: "Copy address" });
  copy.addEventListener("click", () => copyLink(file));
  const box = element("details", {}, element("summary", { textContent: `Address of the file: ${choices[file.access]?.[0] ?? "Shared"}` }), ...radios, element("p", { className: "buttons" }, set, copy));
  // A message at the edge of the page would be behind the dialog.
  const wrong = element("p");
  wrong.setAttribute("role", "alert");
  box.append(wrong);
  set.addEventListener("click", async () => {
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
  });
  return box;
}
