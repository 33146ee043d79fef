// A list that is brought up to date: rows that did not change stay where they are, with focus, menus and pictures.

const ROWS = "#folders, #files";

export function merge(list, fresh) {
  const held = list.contains(document.activeElement) ? document.activeElement : null;
  const id = held && idOf(held.closest("li") ?? held);
  mergeChildren(list, fresh, (part) => partOf(list, part));
  if (!held || document.activeElement === held) return;
  // A row that was moved has lost the focus, too.
  const row = [...list.querySelectorAll("li")].find((each) => id && idOf(each) === id);
  const there = held.isConnected ? held : row?.querySelector(`.${CSS.escape(held.classList[0])}`);
  (there ?? list.closest("main")).focus({ preventScroll: true });
}

// Rows are known by these.
function idOf({ dataset }) {
  return dataset.fileId ?? (dataset.folder && `${dataset.folder}/${dataset.trashedAt ?? ""}`);
}

// The part of the list that stays for a fresh one, brought up to date: a list of rows, or the form around it.
function partOf(list, part) {
  const rows = part.matches(ROWS) ? part : part.querySelector(ROWS);
  const oldRows = rows && list.querySelector(`#${rows.id}`);
  if (!oldRows) return part;
  const known = new Map([...oldRows.children].map((row) => [idOf(row), row]));
  mergeChildren(oldRows, rows, (row) => {
    const before = known.get(idOf(row));
    return before && before.dataset.revision === row.dataset.revision ? before : row;
  });
  if (rows === part) return oldRows;
  const form = oldRows.closest("form");
  const tools = form.querySelector(".tools");
  if (!tools.querySelector("details[open]")) tools.replaceWith(part.querySelector(".tools"));
  return form;
}

function mergeChildren(old, fresh, keepOf) {
  const kept = new Set();
  let place = old.firstElementChild;
  for (const child of [...fresh.children]) {
    const keep = keepOf(child);
    kept.add(keep);
    if (keep === place) place = place.nextElementSibling;
    else old.insertBefore(keep, place);
  }
  for (const child of [...old.children]) if (!kept.has(child)) child.remove();
}
