// The list of files: what can be done with them, and how it is brought up to date without losing one's place.

import * as actions from "./actions.js";
import { watchChanges } from "./changes.js";
import { watchKeys } from "./keys.js";
import { filesUnderWay } from "./queue.js";
import { Refresher } from "./refresher.js";
import { clear, fileOf, selected, watchSelection } from "./selection.js";
import { base } from "./server.js";
import { share } from "./share.js";
import { tellLocalTimes } from "./words.js";

const ORDERS = { oldest: ["created_at", "asc"], name: ["name", "asc"], "name-desc": ["name", "desc"], largest: ["size", "desc"], smallest: ["size", "asc"] };

export function start(main) {
  const list = main.querySelector("#list");
  const here = main.dataset.folder ?? "";
  const { search = "", sort } = Object.fromEntries(new URLSearchParams(location.search));
  const refresher = new Refresher(list, prepare);
  const changed = () => refresher.soon();
  const done = () => {
    clear();
    redraw();
    changed();
  };
  const [order_by, order] = ORDERS[sort] ?? ["created_at", "desc"];
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
    rename: (file) => actions.rename(file, changed),
    move: (file) => actions.move([file], here, changed),
    delete: (file) => trashOne(file),
  };

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
    for (const each of main.querySelectorAll(".scripted")) each.hidden = false;
    const underWay = filesUnderWay();
    for (const row of list.querySelectorAll('.file[data-status="pending"]')) row.hidden = underWay.has(row.dataset.fileId);
    tellLocalTimes(list);
    redraw();
  }

  list.addEventListener("click", (event) => {
    const summary = event.target.closest(".file summary");
    if (summary?.parentElement.childElementCount === 1) summary.after(menuOf(summary.closest(".file")));
    const button = event.target.closest("button");
    const deed = button && Object.keys(deeds).find((name) => button.classList.contains(name));
    if (deed) deeds[deed](fileOf(button.closest(".file")));
  });
  main.querySelector(".make-folder")?.addEventListener("click", () => actions.makeFolder(here, changed));
  prepare();
  document.addEventListener("uploaded", changed);
  const endings = [
    () => document.removeEventListener("uploaded", changed),
    watchChanges(changed),
    watchKeys(keysOf(list, deeds, redraw, (files) => actions.trash(files, done))),
  ];
  return () => {
    refresher.stop();
    endings.forEach((end) => end());
  };
}

function menuOf({ dataset }) {
  const menu = document.getElementById("row-menu").content.cloneNode(true);
  menu.querySelector("[download]").href = `${base}/download/${dataset.fileId}?raw=1`;
  menu.querySelector(".versions").href = `${base}/versions/${dataset.fileId}`;
  return menu;
}

function keysOf(list, deeds, redraw, trash) {
  const rows = () => [...list.querySelectorAll(".file:not([hidden])")];
  const current = () => document.activeElement?.closest?.(".file");
  const withFile = (deed) => () => (current() ? deed(fileOf(current())) : false);
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
    F2: withFile(deeds.rename),
    m: withFile(deeds.move),
    s: withFile(deeds.share),
    d: withFile((file) => actions.download([file])),
    Delete: () => (selected.size ? trash([...selected.values()]) : withFile(deeds.delete)()),
  };
}
