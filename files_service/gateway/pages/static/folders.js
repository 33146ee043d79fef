// What can be done with a folder and all that is in it. A large one takes the service a while: its end is told, too.

import { askFolder, attempt, saveArchive } from "./actions.js";
import { ask, askText } from "./dialogs.js";
import { element } from "./elements.js";
import { ask as request, read, Refused, tell } from "./server.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const LOOK_MS = 1_000;

const shown = (path) => words.name(words.nameOf(path));
const within = (folder, name) => (folder ? `${folder}/${name}` : name);
const around = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const attemptOn = (path, verb, work) => attempt([{ name: words.nameOf(path) }], verb, work);
const moveTo = (path, to) => tell("POST", "/api/folders/move", { path, to });

export async function makeFolder(here, changed) {
  const made = await askText({
    title: "New folder",
    label: "Name",
    accept: "Create",
    submit: (name) => tell("POST", "/api/folders/create", { path: within(here, name) }),
  });
  if (!made) return;
  toast(`Folder ${words.name(made.name)} created`);
  changed();
}

export async function renameFolder(path, changed) {
  const job = await askText({
    title: "Rename",
    label: "Name",
    value: words.nameOf(path),
    hasEnding: false,
    accept: "Rename",
    submit: (name) => {
      if (name.includes("/")) throw new Error("A name has no “/”. Use Move for another place");
      return name !== words.nameOf(path) && moveTo(path, within(around(path), name));
    },
  });
  // A name that was taken got a number.
  if (job) await tellEnd(job, `Renamed to ${shown(job.target)}`, changed, () => moveBack(job, changed));
}

export async function moveFolder(path, here, changed) {
  const job = await askFolder(`Move ${shown(path)}`, here, (folder) => folder !== around(path) && moveTo(path, within(folder, words.nameOf(path))));
  if (job) await tellEnd(job, `${shown(path)} moved to ${words.name(job.target)}`, changed, () => moveBack(job, changed));
}

async function moveBack({ source, target }, changed) {
  await attemptOn(source, "moved back", async () => tellEnd(await moveTo(target, source), `${shown(source)} moved back`, changed));
}

export async function trashFolder(path, changed) {
  const text = "Everything in it goes to the trash, stays there for a while and can be restored.";
  const job = await ask({
    title: `Move ${shown(path)} to the trash?`,
    content: [element("p", { textContent: text })],
    accept: "Delete",
    danger: true,
    submit: async () => (await request("DELETE", `/api/folders?${new URLSearchParams({ path })}`)).json(),
  });
  if (!job) return;
  const undo = async () => {
    const trash = await read("/api/trash?limit=1");
    // The newest is the first.
    const { trashed_at } = trash.trashed_folders.find((each) => each.path === path);
    await restoreFolder(path, trashed_at, changed);
  };
  await tellEnd(job, `${shown(path)} moved to the trash`, changed, () => attemptOn(path, "restored", undo));
}

export async function restoreFolder(path, trashedAt, changed) {
  await attemptOn(path, "restored", async () => {
    const job = await tell("POST", "/api/trash/restore", { path, trashed_at: trashedAt });
    await tellEnd(job, `${shown(job.target)} restored`, changed);
  });
  changed();
}

export async function downloadFolder(path) {
  await attemptOn(path, "downloaded", () => saveArchive({ folder: path, name: `${words.nameOf(path).slice(0, 190)}.zip` }));
}

// Says what a job did when it has ended, and what it could not do.
export async function tellEnd(job, text, changed, undo) {
  changed();
  if (job.state === "running") toast("This takes a while, and goes on when the page is closed");
  try {
    const { skipped, errors, state } = await ended(job);
    toast(state === "cancelled" ? "It was stopped before the end" : text, undo ? { undo } : {});
    const why = errors.length ? ` ${words.failure(errors[0])}.` : "";
    if (skipped) toast(`${words.count(skipped, "file")} stayed in place.${why}`, { failed: true });
  } catch {
    // Signed out meanwhile: that is said elsewhere.
  }
  changed();
}

// Waits for a job, and returns it as it is at its end.
async function ended(job) {
  let now = job;
  while (now.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    try {
      now = await read(`/api/jobs/${job.job_id}`);
    } catch (error) {
      // It goes on while the network is away.
      if (error instanceof Refused) throw error;
    }
  }
  return now;
}
