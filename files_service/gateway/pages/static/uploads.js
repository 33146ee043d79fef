// All files on their way: a few at once, each with a row that says how it goes.

import { forget, fingerprint, unfinished } from "./memory.js";
import { Refused } from "./server.js";
import { askOffset, terminate } from "./tus.js";
import { Upload } from "./upload.js";
import * as words from "./words.js";

const AT_ONCE = 3;
const KEPT_ROWS = 3;
const REDRAW_MS = 200;

const list = document.getElementById("uploads");
const running = new Set();
const waiting = [];
const rows = new Map();
const finished = [];
let onDone = () => {};

export function whenDone(callback) {
  onDone = callback;
}

// Takes files ({file, path}) that were chosen or dropped.
export function take(files) {
  for (const { file, path } of files) {
    const print = fingerprint(file, path);
    const old = rows.get(print);
    if (old?.upload && old.upload.state !== "done") {
      if (["paused", "failed"].includes(old.upload.state)) resume(old.upload);
      continue;
    }
    const upload = new Upload(file, path, print);
    show(upload);
    waiting.push(upload);
  }
  if (files.length) words.announce(files.length === 1 ? `${words.name(files[0].path)} is being sent` : `${files.length} files are being sent`);
  next();
}

function next() {
  while (running.size < AT_ONCE && waiting.length) {
    const upload = waiting.shift();
    running.add(upload);
    upload.run().finally(() => {
      running.delete(upload);
      next();
    });
  }
}

function resume(upload) {
  upload.resume();
  waiting.push(upload);
  next();
}

function leave(upload) {
  const at = waiting.indexOf(upload);
  if (at >= 0) waiting.splice(at, 1);
}

function makeRow(print, name) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  const shown = words.name(name);
  row.querySelector("bdi").textContent = shown;
  row.querySelector("progress").setAttribute("aria-label", `Progress of ${shown}`);
  row.querySelector(".pause").setAttribute("aria-label", `Pause ${shown}`);
  row.querySelector(".cancel").setAttribute("aria-label", `Cancel ${shown}`);
  const old = rows.get(print)?.row;
  if (old) old.replaceWith(row);
  else list.append(row);
  return row;
}

function show(upload) {
  const row = makeRow(upload.print, upload.path);
  rows.set(upload.print, { row, upload });
  row.querySelector(".pause").addEventListener("click", () => {
    if (["paused", "failed"].includes(upload.state)) return resume(upload);
    leave(upload);
    upload.pause();
  });
  row.querySelector(".cancel").addEventListener("click", () => {
    leave(upload);
    upload.cancel();
  });
  let drawn = 0;
  upload.addEventListener("progress", () => {
    const now = performance.now();
    if (now - drawn < REDRAW_MS) return;
    drawn = now;
    draw(row, upload);
  });
  upload.addEventListener("change", () => change(row, upload));
  draw(row, upload);
}

function draw(row, upload) {
  const { size } = upload.file;
  row.dataset.state = upload.state;
  row.classList.toggle("failed", upload.state === "failed");
  row.querySelector("progress").value = size ? upload.received / size : Number(upload.state === "done");
  row.querySelector(".upload-says").textContent = says(upload);
  const pause = row.querySelector(".pause");
  const stopped = ["paused", "failed"].includes(upload.state);
  const word = upload.state === "failed" ? "Try again" : stopped ? "Go on" : "Pause";
  if (pause.textContent !== word) {
    pause.textContent = word;
    pause.setAttribute("aria-label", `${word}: ${words.name(upload.path)}`);
  }
}

function says(upload) {
  const { size } = upload.file;
  const there = `${words.size(upload.received)} of ${words.size(size)}`;
  switch (upload.state) {
    case "waiting":
      return "Waiting for its turn";
    case "broken":
      return `${there} · the connection was lost, trying again`;
    case "paused":
      return `${there} · paused`;
    case "failed":
      return `Not sent: ${upload.message}`;
    case "done":
      return `${words.size(size)} · sent`;
  }
  if (upload.received === size && size) return `${words.size(size)} · being finished`;
  if (!upload.rate) return there;
  return `${there} · ${words.size(upload.rate)}/s · ${words.duration((size - upload.received) / upload.rate)} left`;
}

function change(row, upload) {
  draw(row, upload);
  const name = words.name(upload.path);
  if (upload.state === "cancelled") drop(upload.print);
  if (upload.state === "failed") words.announce(`${name} was not sent: ${upload.message}`);
  if (upload.state === "broken") words.announce(`The connection was lost; ${name} goes on when it is back`);
  if (upload.state !== "done") return;
  words.announce(`${name} was sent`);
  for (const button of row.querySelectorAll("button")) button.remove();
  finished.push(upload.print);
  if (finished.length > KEPT_ROWS) drop(finished.shift());
  onDone();
}

function drop(print) {
  const { row } = rows.get(print) ?? {};
  if (!row) return;
  const held = row.contains(document.activeElement);
  row.remove();
  rows.delete(print);
  if (held) document.getElementById("choose-files").focus();
}

// The row of an earlier visit has nothing to go on with any more, unless its file was chosen again meanwhile.
function over(print, row) {
  if (rows.get(print)?.row !== row) return;
  forget(print);
  drop(print);
}

// Shows what an earlier visit left: it goes on when its file is chosen again.
export async function showUnfinished(choose) {
  for (const { print, path, size, uploadId } of unfinished()) {
    const row = makeRow(print, path);
    rows.set(print, { row });
    row.dataset.state = "unfinished";
    const says = row.querySelector(".upload-says");
    says.textContent = "Broke off. Choose the same file again to go on";
    const button = row.querySelector(".pause");
    button.textContent = "Choose it";
    button.setAttribute("aria-label", `Choose ${words.name(path)} again, to go on`);
    button.addEventListener("click", choose);
    row.querySelector(".cancel").addEventListener("click", () => {
      forget(print);
      drop(print);
      terminate(uploadId).catch(() => {});
    });
    askOffset(uploadId).then(
      (offset) => {
        // Its end was not heard: it is in the list.
        if (offset === size) return over(print, row);
        row.querySelector("progress").value = size ? offset / size : 0;
        says.textContent = `${words.size(offset)} of ${words.size(size)} · broke off. Choose the same file again to go on`;
      },
      (error) => {
        if (!(error instanceof Refused) || !["not_found", "gone"].includes(error.code)) return;
        over(print, row);
      },
    );
  }
}
