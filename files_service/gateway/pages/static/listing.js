// The list of files: what can be done with one, and how it is brought up to date without losing one's place.

import { ask, base } from "./server.js";
import * as words from "./words.js";

const TOGETHER_MS = 250;
const SAID_MS = 2_000;

const list = document.getElementById("list");
let timer;
let refreshing = false;
let again = false;

export function watchList() {
  enable();
  list.addEventListener("change", (event) => {
    if (event.target.matches("select.access")) setAccess(event.target);
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".copy")) copyLink(button);
    if (button?.matches(".delete")) remove(button);
  });
  document.querySelector("#search select").addEventListener("change", (event) => event.target.form.requestSubmit());
}

function enable() {
  for (const control of list.querySelectorAll(".deeds [disabled]")) control.disabled = false;
  words.tellLocalTimes(list);
}

function fileOf(control) {
  const row = control.closest(".file");
  return { row, fileId: row.dataset.fileId, name: row.querySelector(".name").textContent };
}

async function setAccess(select) {
  const { fileId, name } = fileOf(select);
  try {
    const body = JSON.stringify({ access: select.value });
    await ask("PUT", `/api/files/${fileId}/access`, { headers: { "Content-Type": "application/json" }, body });
    select.dataset.was = select.value;
    words.announce(`${name}: ${select.selectedOptions[0].textContent}`);
  } catch (error) {
    select.value = select.dataset.was;
    complain(`${name} was not changed: ${error.message}`);
  }
}

async function copyLink(button) {
  const { row, fileId, name } = fileOf(button);
  const link = new URL(`${base}/download/${fileId}`, location.href).href;
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    // Without https a browser has no clipboard for pages: the link is shown, to be copied by hand.
    window.prompt(`The link to ${name}`, link);
    return;
  }
  const closed = row.querySelector("select.access").value === "private";
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy link"), SAID_MS);
  words.announce(closed ? "Link copied. Only you can open it as long as the file is private" : "Link copied");
}

function remove(button) {
  const { row, fileId, name } = fileOf(button);
  const dialog = document.getElementById("sure");
  document.getElementById("sure-name").textContent = name;
  dialog.returnValue = "no";
  dialog.showModal();
  dialog.onclose = async () => {
    if (dialog.returnValue !== "yes") return;
    try {
      await ask("DELETE", `/api/files/${fileId}`);
      const near = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (near?.querySelector(".delete") ?? document.querySelector("#search input")).focus();
      words.announce(`${name} was deleted`);
      refreshSoon();
    } catch (error) {
      complain(`${name} was not deleted: ${error.message}`);
    }
  };
}

function complain(text) {
  words.announce(text);
  let note = document.getElementById("complaint");
  if (!note) {
    note = Object.assign(document.createElement("p"), { id: "complaint", className: "note bad" });
    list.before(note);
  }
  note.textContent = text;
  setTimeout(() => note.remove(), 4 * SAID_MS);
}

// Several changes at once are one look at the server.
export function refreshSoon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, TOGETHER_MS);
}

async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const response = await ask("GET", `/${location.search}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.getElementById("list");
    if (fresh) merge(fresh);
  } catch {
    // The next change, or the next connection, brings another try.
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      refreshSoon();
    }
  }
}

// Rows that did not change stay where they are, with their focus, their menus and their previews.
function merge(fresh) {
  const rows = list.querySelector(".files");
  const freshRows = fresh.querySelector(".files");
  if (!rows || !freshRows) {
    list.replaceChildren(...fresh.childNodes);
    enable();
    return;
  }
  const active = document.activeElement?.closest?.(".file");
  const focused = active && { fileId: active.dataset.fileId, control: document.activeElement.classList[0] };
  const old = new Map([...rows.children].map((row) => [row.dataset.fileId, row]));
  const kept = new Set();
  let place = rows.firstElementChild;
  for (const row of [...freshRows.children]) {
    const before = old.get(row.dataset.fileId);
    const keep = before?.dataset.revision === row.dataset.revision ? before : row;
    kept.add(keep);
    if (keep === place) place = place.nextElementSibling;
    else rows.insertBefore(keep, place);
  }
  for (const row of [...rows.children]) if (!kept.has(row)) row.remove();
  for (const part of [...list.children]) if (part !== rows) part.remove();
  let behind = false;
  for (const part of [...fresh.children]) {
    if (part === freshRows) behind = true;
    else if (behind) list.append(part);
    else rows.before(part);
  }
  enable();
  if (focused && !active.isConnected) {
    rows.querySelector(`[data-file-id="${CSS.escape(focused.fileId)}"] .${CSS.escape(focused.control)}`)?.focus();
  }
}
