// Where files come from: buttons, and whatever is dropped on the page, folders with all that is in them.

import { toast } from "./toast.js";
import { count, name } from "./words.js";

const MOST = 10_000;
const SEGMENT_BYTES = 255;

// Takes files ({file, path}) and the folder of the page that is shown.
export function watchPicking(take) {
  document.addEventListener("click", (event) => {
    const kind = event.target.closest?.("[data-pick]")?.dataset.pick;
    if (kind) pick({ folder: kind === "folder" }).then((files) => take(files, folderHere()));
  });
  watchDropping(take);
}

// Asks for files, or for a folder. Resolves when some were chosen, and never when nobody chose.
export function pick({ folder = false, multiple = true } = {}) {
  const input = Object.assign(document.createElement("input"), { type: "file", multiple, webkitdirectory: folder });
  input.hidden = true;
  input.id = folder ? "folder-input" : "files-input";
  input.setAttribute("aria-label", folder ? "Folder to upload" : "Files to upload");
  document.getElementById(input.id)?.remove();
  // Some browsers forget an input that is in no page.
  document.body.append(input);
  return new Promise((resolve) => {
    input.addEventListener("cancel", () => input.remove());
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => ({ file, path: pathOf(file.webkitRelativePath || file.name) }));
      input.remove();
      resolve(few(files));
    });
    input.click();
  });
}

function folderHere() {
  return document.getElementById("main").dataset.folder ?? "";
}

function watchDropping(take) {
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (change) => {
    depth = Math.max(0, change ? depth + change : 0);
    document.body.classList.toggle("over", depth > 0);
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(0);
    // A large folder takes a while to be read, and somebody may go on to another page meanwhile.
    const folder = folderHere();
    take(few(await filesOf(event.dataTransfer)), folder);
  });
}

function few(files) {
  if (files.length > MOST) toast(`Only the first ${count(MOST, "file")} are taken at a time`, { failed: true });
  return files.slice(0, MOST);
}

// What the server takes as a path: no controls, no marks of direction, segments that are not too long.
function pathOf(path) {
  return path.split("/").filter(Boolean).map(segmentOf).join("/");
}

function segmentOf(name) {
  const clean = name.normalize("NFC").replace(/[\p{Cc}\p{Cs}\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, "_");
  if (clean === "." || clean === "..") return "_";
  const suffix = clean.match(/\.[^.]{1,16}$/)?.[0] ?? "";
  let stem = [...clean.slice(0, clean.length - suffix.length)];
  const bytes = (text) => new TextEncoder().encode(text).length;
  while (bytes(stem.join("") + suffix) > SEGMENT_BYTES) stem = stem.slice(0, -1);
  return stem.join("") + suffix;
}

async function filesOf(transfer) {
  // Entries must be asked for before anything is waited for: the event's data is gone then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: pathOf(file.name) }));
  const found = [];
  const skipped = { unreadable: [], empty: [] };
  for (const entry of entries) await walk(entry, found, skipped);
  for (const [why, [first, ...others]] of Object.entries(skipped)) {
    if (first) toast(`Skipped as ${why}: ${name(first)}${others.length ? ` and ${count(others.length, "other")}` : ""}`, { failed: true });
  }
  return found;
}

async function walk(entry, found, skipped) {
  if (found.length > MOST) return;
  try {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      return void found.push({ file, path: pathOf(entry.fullPath) });
    }
    const reader = entry.createReader();
    for (let isEmpty = true; ; isEmpty = false) {
      // A folder tells its content in batches; an empty one is the last.
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!batch.length && isEmpty) skipped.empty.push(entry.name);
      if (!batch.length) return;
      for (const each of batch) await walk(each, found, skipped);
    }
  } catch {
    skipped.unreadable.push(entry.name);
  }
}
