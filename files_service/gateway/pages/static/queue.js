// All files on their way, a few at once, whatever page is shown.

import { Batch } from "./batch.js";
import { fingerprint, unfinished } from "./memory.js";
import { Upload } from "./upload.js";
import { nameOf } from "./words.js";

const AT_ONCE = 3;
const STOPPED = ["paused", "failed"];

const uploads = new Map();
const running = new Set();
let waiting = [];
let wakeLock;

// Makes uploads of files ({file, path}), and returns those that were not there as a batch, or nothing.
export function enqueue(files, folder) {
  const fresh = [];
  const left = unfinished();
  for (const { file, path } of files) {
    const print = printOf(file, folder ? `${folder}/${path}` : path, left);
    const old = uploads.get(print);
    if (old && old.state !== "done") {
      if (STOPPED.includes(old.state)) resume([old]);
      continue;
    }
    const [at] = JSON.parse(print);
    const upload = new Upload(file, at, print);
    uploads.set(print, upload);
    fresh.push(upload);
  }
  if (!fresh.length) return undefined;
  const batch = new Batch(fresh, labelOf(files));
  waiting.push(...fresh);
  next();
  return batch;
}

// A file of a folder that was interrupted may come alone: it is known by its name, its size and its time.
function printOf(file, path, left) {
  const print = fingerprint(file, path);
  if (left.some((each) => each.print === print)) return print;
  const same = left.filter(
    (each) => nameOf(each.path) === nameOf(path) && each.size === file.size && each.modified === file.lastModified,
  );
  return same.length === 1 && !uploads.has(same[0].print) ? same[0].print : print;
}

function labelOf(files) {
  const tops = new Set(files.map(({ path }) => path.split("/")[0]));
  if (files.length === 1) return nameOf(files[0].path);
  return tops.size === 1 ? [...tops][0] : `${files.length.toLocaleString("en")} files`;
}

function next() {
  while (running.size < AT_ONCE) {
    // One that was paused and resumed at once waits for the end of its earlier run.
    const at = waiting.findIndex((each) => !running.has(each));
    if (at < 0) break;
    const [upload] = waiting.splice(at, 1);
    running.add(upload);
    stayAwake();
    upload.run().finally(() => {
      running.delete(upload);
      if (["done", "cancelled"].includes(upload.state)) uploads.delete(upload.print);
      next();
    });
  }
  if (!running.size) wakeLock?.release?.().catch(() => {});
}

export function resume(stopped) {
  for (const upload of stopped) {
    if (!STOPPED.includes(upload.state)) continue;
    upload.resume();
    waiting.push(upload);
  }
  next();
}

export function pause(going) {
  const paused = new Set([...going].filter((each) => ["waiting", "sending", "broken"].includes(each.state)));
  waiting = waiting.filter((each) => !paused.has(each));
  for (const upload of paused) upload.pause();
}

export function cancel(going) {
  const cancelled = new Set([...going].filter((each) => each.state !== "done"));
  waiting = waiting.filter((each) => !cancelled.has(each));
  for (const upload of cancelled) {
    uploads.delete(upload.print);
    upload.cancel();
  }
}

// Ends the upload of a file that was deleted.
export function cancelFile(fileId) {
  cancel([...uploads.values()].filter((each) => each.uploadId?.startsWith(`${fileId}-`)));
}

// The ids of the files that are on their way.
export function filesUnderWay() {
  return new Set([...uploads.values()].map((each) => each.uploadId?.split("-")[0]).filter(Boolean));
}

export function isUnderWay(print) {
  return uploads.has(print);
}

// Something would be interrupted if the page were closed.
export function isBusy() {
  return running.size + waiting.length > 0;
}

// A screen that goes dark ends uploads on many phones. The lock ends whenever the page is hidden.
document.addEventListener("visibilitychange", () => running.size && document.visibilityState === "visible" && stayAwake());

async function stayAwake() {
  if (wakeLock || !navigator.wakeLock) return;
  wakeLock = "asked";
  try {
    wakeLock = await navigator.wakeLock.request("screen");
    wakeLock.addEventListener("release", () => (wakeLock = undefined));
    if (!running.size) await wakeLock.release();
  } catch {
    // Refused on a battery that is low, or for a page that nobody sees.
    wakeLock = undefined;
  }
}
