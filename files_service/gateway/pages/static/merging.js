// A list that is brought up to date: rows that did not change stay where they are, with focus, menus and pictures.

export function merge(list, fresh) {
  const rows = list.querySelector("#files");
  const freshRows = fresh.querySelector("#files");
  if (!rows || !freshRows) {
    list.replaceChildren(...fresh.childNodes);
    return;
  }
  const active = document.activeElement?.closest?.(".file");
  const focused = active && { fileId: active.dataset.fileId, control: document.activeElement.classList[0] };
  mergeRows(rows, freshRows);
  const form = rows.closest("form");
  const freshForm = freshRows.closest("form");
  const tools = form.querySelector(".tools");
  if (!tools.querySelector("details[open]")) tools.replaceWith(freshForm.querySelector(".tools"));
  replaceAround(list, form, fresh, freshForm);
  if (focused && !active.isConnected) {
    rows.querySelector(`[data-file-id="${CSS.escape(focused.fileId)}"] .${CSS.escape(focused.control)}`)?.focus();
  }
}

function mergeRows(rows, freshRows) {
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
}

function replaceAround(list, form, fresh, freshForm) {
  for (const part of [...list.children]) if (part !== form) part.remove();
  let behind = false;
  for (const part of [...fresh.children]) {
    if (part === freshForm) behind = true;
    else if (behind) list.append(part);
    else form.before(part);
  }
}
