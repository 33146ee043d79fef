// The tray of uploads: a row for each batch, which may be one file; it stays when another page is shown.

import { copyOf } from "./elements.js";
import { forget, lockOf, unfinished } from "./memory.js";
import { pick } from "./picking.js";
import * as queue from "./queue.js";
import { Refused } from "./server.js";
import { toast } from "./toast.js";
import { askOffset, terminate } from "./tus.js";
import * as words from "./words.js";

export { isBusy } from "./queue.js";

const REDRAW_MS = 200;
const MOST_LEFT = 3;

const tray = document.getElementById("tray");
const list = document.getElementById("uploads");
const batches = new Map();
let drawing;

// Takes files ({file, path}) that were chosen or dropped, for a folder.
export function take(files, folder = "") {
  if (!files.length) return;
  const batch = queue.enqueue(files, folder);
  tray.hidden = false;
  if (!batch) return;
  for (const { print } of batch.uploads) list.querySelector(`[data-print="${CSS.escape(print)}"]`)?.remove();
  const row = makeRow(batch.label);
  batches.set(batch, row);
  batch.addEventListener("progress", drawSoon);
  batch.addEventListener("change", () => change(batch));
  row.querySelector(".pause").addEventListener("click", () => pauseOrResume([batch]));
  row.querySelector(".cancel").addEventListener("click", () => cancel(batch));
  words.announce(`${batch.total === 1 ? batch.label : words.count(batch.total, "file")}: upload started`);
  draw();
}

tray.querySelector(".fold").addEventListener("click", ({ currentTarget: fold }) => {
  const folded = tray.classList.toggle("folded");
  fold.setAttribute("aria-expanded", String(!folded));
});
tray.querySelector(".pause-all").addEventListener("click", () => pauseOrResume([...batches.keys()]));
tray.querySelector(".cancel-all").addEventListener("click", () => {
  for (const batch of [...batches.keys()]) if (batch.state !== "done") cancel(batch);
});
tray.querySelector(".clear").addEventListener("click", () => {
  for (const batch of [...batches.keys()]) if (batch.state === "done") drop(batch);
});
// The same person signed in again in another page, or a link was unlocked again.
document.addEventListener("unlocked", () => {
  const out = [...batches.keys()].flatMap((batch) => [...batch.uploads]).filter((each) => each.code === "unauthorized");
  queue.resume(out);
});

function makeRow(label) {
  const row = copyOf("upload").firstElementChild;
  const shown = words.name(label);
  row.querySelector("bdi").textContent = shown;
  row.querySelector("progress").setAttribute("aria-label", `Progress of ${shown}`);
  row.querySelector(".cancel").setAttribute("aria-label", `Cancel ${shown}`);
  list.prepend(row);
  return row;
}

function pauseOrResume(some) {
  const all = some.flatMap((batch) => [...batch.uploads]);
  const going = all.filter((each) => ["waiting", "sending", "broken"].includes(each.state));
  if (going.length) queue.pause(going);
  else queue.resume(all);
}

function drawSoon() {
  drawing ??= setTimeout(draw, REDRAW_MS);
}

function draw() {
  clearTimeout(drawing);
  drawing = undefined;
  for (const [batch, row] of batches) drawRow(batch, row);
  drawHead();
}

function drawRow(batch, row) {
  const { state } = batch;
  if (row.dataset.state !== state) row.dataset.state = state;
  row.classList.toggle("failed", state === "failed");
  row.querySelector("progress").value = batch.size ? batch.received / batch.size : Number(state === "done");
  const says = row.querySelector(".upload-says");
  const text = sayingOf(batch);
  if (says.textContent !== text) says.textContent = text;
  const pause = row.querySelector(".pause");
  const word = state === "failed" ? "Try again" : state === "paused" ? "Resume" : "Pause";
  if (pause.textContent === word) return;
  pause.textContent = word;
  pause.setAttribute("aria-label", `${word}: ${words.name(batch.label)}`);
}

function sayingOf(batch) {
  const { counts, size, received, total, state } = batch;
  const several = total > 1 ? `${counts.done.toLocaleString("en")} of ${words.count(total, "file")} · ` : "";
  const there = `${several}${words.size(received)} of ${words.size(size)}`;
  const failed = counts.failed && state !== "failed" ? ` · ${counts.failed} failed` : "";
  switch (state) {
    case "waiting":
      return received ? there : `${several}Waiting`;
    case "broken":
      return `${there} · Interrupted, trying again`;
    case "paused":
      return `${there} · Paused${failed}`;
    case "failed": {
      const [first] = [...batch.uploads].filter((each) => each.state === "failed");
      const whose = total > 1 ? `${words.count(counts.failed, "file")} not uploaded: ${words.name(words.nameOf(first.path))}: ` : "Not uploaded: ";
      return whose + first.message;
    }
    case "done":
      return total > 1 ? `${words.count(total, "file")} · ${words.size(size)} · Uploaded` : `${words.size(size)} · Uploaded`;
  }
  if (received === size && size) return `${several}${words.size(size)} · Finishing`;
  if (!batch.rate) return there + failed;
  return `${there} · ${words.size(batch.rate)}/s · ${words.duration((size - received) / batch.rate)} left${failed}`;
}

function drawHead() {
  const sum = { total: 0, done: 0, size: 0, received: 0, going: 0, stopped: 0, out: 0 };
  for (const batch of batches.keys()) {
    sum.total += batch.total;
    sum.done += batch.counts.done;
    sum.size += batch.size;
    sum.received += batch.received;
    sum.going += batch.counts.waiting + batch.counts.sending + batch.counts.broken;
    sum.stopped += batch.counts.paused + batch.counts.failed;
  }
  const share = sum.size ? Math.floor((100 * sum.received) / sum.size) : 100;
  const words_ = sum.going ? `Uploading ${sum.done.toLocaleString("en")} of ${sum.total.toLocaleString("en")} · ${share}%` : sum.stopped ? "Uploads stopped" : "Uploads";
  tray.querySelector("h2").textContent = words_;
  const all = tray.querySelector(".pause-all");
  all.textContent = sum.going ? "Pause all" : "Resume all";
  all.hidden = !sum.going && !sum.stopped;
  tray.querySelector(".cancel-all").hidden = !sum.going && !sum.stopped;
  tray.querySelector(".clear").hidden = ![...batches.keys()].some((batch) => batch.state === "done");
  tray.hidden = !list.children.length;
}

function change(batch) {
  if (!batches.has(batch)) return;
  // Ten thousand that are paused together are drawn once.
  if (batch.isOver) draw();
  else drawSoon();
  const label = words.name(batch.label);
  if (batch.state === "broken") words.announce(`The connection was lost; ${label} resumes when it is back`);
  if (!batch.isOver) return;
  tellUploaded(batch);
  if (batch.state === "failed") {
    const [only] = batch.uploads;
    toast(batch.total === 1 ? `${label} was not uploaded: ${only.message}` : sayingOf(batch), { failed: true });
  } else {
    words.announce(batch.total === 1 ? `${label} was uploaded` : `${words.count(batch.total, "file")} uploaded`);
    const row = batches.get(batch);
    row.querySelector(".pause").hidden = true;
    row.querySelector(".cancel").setAttribute("aria-label", `Clear ${label}`);
  }
}

// Says how many have arrived since it was said last.
function tellUploaded(batch) {
  const fresh = batch.counts.done - (batch.told ?? 0);
  batch.told = batch.counts.done;
  if (fresh) document.dispatchEvent(new CustomEvent("uploaded", { detail: fresh }));
}

function cancel(batch) {
  tellUploaded(batch);
  drop(batch);
  queue.cancel(batch.uploads);
}

function drop(batch) {
  const row = batches.get(batch);
  if (!row) return;
  const held = row.contains(document.activeElement);
  row.remove();
  batches.delete(batch);
  drawHead();
  if (held) (list.querySelector("button") ?? document.querySelector("[data-pick]") ?? document.getElementById("main")).focus();
}

// Shows what an earlier visit left: it goes on when its files are selected again.
export async function showUnfinished() {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  const locks = new Set(held.map(({ name }) => name));
  const left = [];
  for (const each of unfinished()) {
    if (queue.isUnderWay(each.print)) continue;
    if (locks.has(lockOf(each.print))) showWhenFree(each);
    else left.push(each);
  }
  if (!left.length) return;
  tray.hidden = false;
  if (left.length > MOST_LEFT) return showManyLeft(left);
  for (const each of left) showLeft(each);
}

// Another page sends it.
async function showWhenFree(each) {
  await navigator.locks.request(lockOf(each.print), { mode: "shared" }, () => {});
  const [left] = unfinished().filter(({ print }) => print === each.print && !queue.isUnderWay(print));
  if (!left) return;
  showLeft(left);
  tray.hidden = false;
}

function leftRow(label, says, select) {
  const row = makeRow(label);
  row.dataset.state = "unfinished";
  row.querySelector(".upload-says").textContent = says;
  const button = row.querySelector(".pause");
  button.textContent = "Select file";
  button.setAttribute("aria-label", `Select ${words.name(label)} again to resume`);
  button.addEventListener("click", select);
  return row;
}

function showLeft({ print, path, size, modified, uploadId }) {
  const over = () => {
    if (!row.isConnected) return;
    forget(print);
    row.remove();
    drawHead();
  };
  const row = leftRow(words.nameOf(path), "Interrupted. Select the same file again to resume", async () => {
    const [{ file }] = await pick({ multiple: false });
    if (file.name === words.nameOf(path) && file.size === size && file.lastModified === modified) {
      return take([{ file, path }]);
    }
    const says = row.querySelector(".upload-says");
    says.textContent = `This is another file. Select ${words.name(words.nameOf(path))} of ${words.size(size)}, unchanged since then`;
    says.classList.add("bad");
  });
  row.dataset.print = print;
  row.querySelector(".cancel").addEventListener("click", () => {
    over();
    giveUp(uploadId, size);
  });
  askOffset(uploadId).then(
    (offset) => {
      // Its end was not heard: it is in the list.
      if (offset === size) return over();
      row.querySelector("progress").value = size ? offset / size : 0;
      row.querySelector(".upload-says").textContent = `${words.size(offset)} of ${words.size(size)} · Interrupted. Select the same file again to resume`;
    },
    (error) => {
      if (error instanceof Refused && ["not_found", "gone"].includes(error.code)) over();
    },
  );
}

// Its end may not have been heard: then it is a file, which stays.
async function giveUp(uploadId, size) {
  try {
    if ((await askOffset(uploadId)) < size) await terminate(uploadId);
  } catch {
    // It ends by itself.
  }
}

function showManyLeft(left) {
  const label = words.count(left.length, "interrupted upload");
  const row = leftRow(label, "Select the same files or folder again to resume", async () => {
    take(await pick());
    row.remove();
    showUnfinished();
  });
  row.querySelector(".pause").textContent = "Select files";
  row.querySelector(".cancel").addEventListener("click", () => {
    row.remove();
    drawHead();
    for (const { print, size, uploadId } of left) {
      forget(print);
      giveUp(uploadId, size);
    }
  });
}
