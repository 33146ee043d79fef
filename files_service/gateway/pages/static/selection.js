// The files that are selected, by id: the selection stays when another page of the list or another order is shown.

import { button, element } from "./elements.js";
import { read } from "./server.js";
import { complain, toast } from "./toast.js";
import * as words from "./words.js";

const PER_CALL = 100;

export const selected = new Map();

export function clear() {
  selected.clear();
}

// What a row says of its file.
export function fileOf(row) {
  const { fileId, name, path, access, type, status } = row.dataset;
  return { fileId, name, path, access, type, status, size: Number(row.dataset.size) };
}

// Keeps the boxes of a list and the bar of what can be done with the selection. Returns a function that draws them anew.
export function watchSelection(list, actions, query) {
  let last;
  const boxes = () => [...list.querySelectorAll(".choose")];
  const draw = () => {
    for (const box of boxes()) {
      box.checked = selected.has(box.value);
      // It may have been renamed, moved or made anew since it was selected.
      if (box.checked) set(box, true);
    }
    drawBar(list, actions, query, draw);
  };
  const set = (box, checked) => {
    const file = fileOf(box.closest(".file"));
    if (checked) selected.set(file.fileId, file);
    else selected.delete(file.fileId);
  };
  list.addEventListener("click", (event) => {
    const box = event.target.closest(".choose");
    if (!box) return;
    const all = boxes();
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    const range = event.shiftKey && last?.isConnected ? all.slice(from, to + 1) : [box];
    for (const each of range) set(each, box.checked);
    last = box;
    draw();
  });
  // A box that was ticked before the scripts were here counts.
  for (const box of boxes()) if (box.checked) set(box, true);
  draw();
  return draw;
}

function drawBar(list, actions, query, draw) {
  const shown = list.querySelector(".chosen");
  if (!selected.size) return void shown?.remove();
  const bytes = [...selected.values()].reduce((sum, file) => sum + file.size, 0);
  const says = element("p", { className: "small", textContent: `${selected.size.toLocaleString("en")} selected · ${words.size(bytes)}` });
  const bar = element("div", { className: "chosen" }, says);
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Selected files");
  const total = Number(list.querySelector("[data-total]")?.dataset.total ?? 0);
  if (total > selected.size) bar.append(button(`Select all ${total.toLocaleString("en")}`, () => selectAll(query(), total, draw), "quiet"));
  for (const [label, act] of Object.entries(actions)) {
    bar.append(button(label, () => act([...selected.values()]), label === "Delete" ? "quiet bad" : "quiet"));
  }
  bar.append(button("Clear", () => (clear(), draw()), "quiet"));
  const focused = shown?.contains(document.activeElement) ? [...shown.children].indexOf(document.activeElement) : -1;
  if (shown) shown.replaceWith(bar);
  else list.querySelector(".files")?.before(bar);
  bar.children[focused]?.focus();
}

// Everything that the query finds now; what comes later is not selected.
async function selectAll(query, total, draw) {
  const close = toast(`Selecting ${words.count(total, "file")}…`);
  try {
    let cursor = "";
    do {
      const params = new URLSearchParams({ ...query, limit: PER_CALL, ...(cursor ? { cursor } : {}) });
      const found = await read(`/api/files?${params}`);
      for (const file of found.files) {
        const { file_id: fileId, name, path, access, status, size } = file;
        selected.set(fileId, { fileId, name, path, access, type: file.content_type ?? "", status, size });
      }
      cursor = found.next_cursor;
    } while (cursor);
  } catch (error) {
    complain("Not all files were selected", error);
  }
  close();
  draw();
}
