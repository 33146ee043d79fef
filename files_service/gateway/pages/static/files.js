// The list of files: what can be done with them, and how it is brought up to date without losing one's place.

import * as actions from "./actions.js";
import { copyOf } from "./elements.js";
import * as folders from "./folders.js";
import { watchKeys } from "./keys.js";
import { filesUnderWay } from "./queue.js";
import { Refresher } from "./refresher.js";
import { clear, fileOf, selected, watchSelection } from "./selection.js";
import { base } from "./server.js";
import { share } from "./share.js";

const ROW = ".file, .tile";

export function start(main) {
  const list = main.querySelector("#list");
  const here = main.dataset.folder ?? "";
  const search = new URLSearchParams(location.search).get("search");
  const refresher = new Refresher(main, prepare);
  const changed = refresher.soon;
  const done = () => {
    clear();
    redraw();
    changed();
  };
  const { orderBy: order_by, order } = list.dataset;
  const query = () => ({ order_by, order, ...(search ? { search } : {}) });
  const redraw = watchSelection(
    list,
    {
      Share: (files) => share(files, done),
      Download: (files) => actions.download(files),
      Move: (files) => actions.move(files, here, done),
      Delete: (files) => actions.trash(files, done),
    },
    query,
  );
  const deeds = {
    share: (file) => share([file], changed),
    copy: actions.copyLink,
    download: (file) => actions.download([file]),
    rename: (file) => actions.rename(file, changed),
    move: (file) => actions.move([file], here, changed),
    delete: (file) => trashOne(file),
  };
  const folderDeeds = {
    share: (path) => share([], changed, path),
    download: folders.downloadFolder,
    rename: (path) => folders.renameFolder(path, changed),
    move: (path) => folders.moveFolder(path, here, changed),
    delete: (path) => folders.trashFolder(path, changed),
  };
  // Does something with the file of a row, or with the folder of a tile.
  const act = (name, row) => (row.matches(".tile") ? folderDeeds[name](row.dataset.folder) : deeds[name](fileOf(row)));

  // The focus goes to the next file, not to the top of the page.
  async function trashOne(file) {
    const row = list.querySelector(`[data-file-id="${file.fileId}"]`);
    const near = row?.nextElementSibling ?? row?.previousElementSibling;
    selected.delete(file.fileId);
    await actions.trash([file], () => {
      row?.remove();
      (near?.querySelector("a.name") ?? main).focus();
      redraw();
      changed();
    });
  }

  function prepare() {
    const underWay = filesUnderWay();
    for (const row of list.querySelectorAll('.file[data-status="pending"]')) row.hidden = underWay.has(row.dataset.fileId);
    redraw();
  }

  list.addEventListener("click", (event) => {
    const summary = event.target.closest(`:is(${ROW}) summary`);
    if (summary?.parentElement.childElementCount === 1) summary.after(menuOf(summary.closest(ROW)));
    const button = event.target.closest(`:is(${ROW}) button`);
    const deed = button && Object.keys({ ...deeds, ...folderDeeds }).find((name) => button.classList.contains(name));
    if (deed) act(deed, button.closest(ROW));
  });
  main.querySelector(".make-folder")?.addEventListener("click", () => folders.makeFolder(here, changed));
  prepare();
  const endKeys = watchKeys(keysOf(list, act, redraw, (files) => actions.trash(files, done)));
  return () => {
    refresher.stop();
    endKeys();
  };
}

function menuOf(row) {
  if (row.matches(".tile")) return copyOf("folder-menu");
  const { dataset } = row;
  const menu = copyOf("row-menu");
  menu.querySelector("[download]").href = `${base}/download/${dataset.fileId}?raw=1`;
  menu.querySelector(".versions").href = `${base}/versions/${dataset.fileId}`;
  return menu;
}

function keysOf(list, act, redraw, trash) {
  const rows = () => [...list.querySelectorAll(".file:not([hidden])")];
  const current = () => document.activeElement?.closest?.(".file");
  const does = (name) => () => {
    const row = document.activeElement?.closest?.(ROW);
    return row ? act(name, row) : false;
  };
  const step = (by, choose) => () => {
    const all = rows();
    const at = all.indexOf(current());
    const next = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + by))];
    if (!next) return false;
    if (choose) for (const row of [current(), next]) if (row) selected.set(row.dataset.fileId, fileOf(row));
    next.querySelector("a.name").focus();
    if (choose) redraw();
  };
  const toggle = () => {
    const row = current();
    if (!row || document.activeElement.matches("button, summary, .choose")) return false;
    row.querySelector(".choose").click();
  };
  return {
    ArrowDown: step(1),
    ArrowUp: step(-1),
    "Shift+ArrowDown": step(1, true),
    "Shift+ArrowUp": step(-1, true),
    " ": toggle,
    "Ctrl+a": () => {
      for (const row of rows()) selected.set(row.dataset.fileId, fileOf(row));
      redraw();
    },
    Escape: () => (selected.size ? (clear(), redraw()) : false),
    F2: does("rename"),
    m: does("move"),
    s: does("share"),
    d: does("download"),
    Delete: () => (selected.size ? trash([...selected.values()]) : does("delete")()),
  };
}
