// What can be done with files. Each action says what it did, with a way back, or what went wrong.

import { giveLink } from "./clipboard.js";
import { ask, askText } from "./dialogs.js";
import { element, field } from "./elements.js";
import { cancelFile } from "./queue.js";
import { base, read, tell } from "./server.js";
import { complain, toast } from "./toast.js";
import * as words from "./words.js";

const AT_ONCE = 1_000;
// More files than this are trashed only after a question.
const MANY = 50;

class Sentence extends Error {}

// Does the same to many files ({fileId, name, …}), a thousand at a time. Returns what became of each, in their order.
async function bulk(action, files, extra = () => ({})) {
  const results = [];
  for (let at = 0; at < files.length; at += AT_ONCE) {
    const some = files.slice(at, at + AT_ONCE);
    const items = some.map((file) => ({ file_id: file.fileId, ...extra(file) }));
    try {
      results.push(...(await tell("POST", "/api/files/bulk", { action, items })).results);
    } catch (error) {
      if (!at) throw error;
      // The thousands before stay changed, and are told.
      return [...results, ...files.slice(at).map(() => ({ ok: false, error }))];
    }
  }
  return results;
}

function named(files) {
  return files.length === 1 ? words.name(files[0].name) : words.count(files.length, "file");
}

// Returns the files that were changed. Throws a sentence when there are none, and says it when some were not.
function judge(files, results, verb) {
  const failed = results.filter((each) => !each.ok);
  if (!failed.length) return files;
  const why = words.failure(failed[0].error);
  if (failed.length === files.length) throw new Sentence(`${named(files)} could not be ${verb}. ${why}.`);
  toast(`${words.count(failed.length, "file")} could not be ${verb}. ${why}.`, { failed: true });
  return files.filter((_, index) => results[index].ok);
}

export async function attempt(files, verb, work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Sentence) toast(error.message, { failed: true });
    else complain(`${named(files)} could not be ${verb}`, error);
    return undefined;
  }
}

export async function trash(files, changed) {
  if (files.length > MANY && !(await sure(files))) return;
  const done = await attempt(files, "deleted", async () => {
    const trashed = judge(files, await bulk("trash", files), "deleted");
    for (const { fileId } of trashed) cancelFile(fileId);
    return trashed;
  });
  if (!done) return;
  toast(`${named(done)} moved to the trash`, { undo: () => restore(done, changed), isKnown: true });
  changed();
}

function sure(files) {
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const text = `${words.count(files.length, "file")}, ${words.size(bytes)}. They stay in the trash for a while and can be restored.`;
  return ask({ title: "Move to the trash?", content: [element("p", { textContent: text })], accept: "Delete", danger: true, submit: () => true });
}

export async function restore(files, changed) {
  const done = await attempt(files, "restored", async () => judge(files, await bulk("restore", files), "restored"));
  if (done) toast(`${named(done)} restored`);
  changed();
}

export async function rename(file, changed) {
  const name = await askText({
    title: "Rename",
    label: "Name",
    value: file.name,
    accept: "Rename",
    submit: async (text) => {
      const [result] = await bulk("rename", [file], () => ({ name: text }));
      if (!result.ok) throw result.error;
      // A name that was taken got a number.
      return result.path ? words.nameOf(result.path) : text;
    },
  });
  if (!name) return;
  toast(`Renamed to ${words.name(name)}`, {
    undo: async () => {
      await attempt([file], "renamed", async () => judge([file], await bulk("rename", [file], () => ({ name: file.name })), "renamed"));
      changed();
    },
  });
  changed();
}

// Asks for a folder. `submit` gets its path.
export async function askFolder(title, here, submit) {
  const list = element("datalist", { id: "known-folders" });
  try {
    const { folders } = await read(`/api/folders?path=${encodeURIComponent(here)}&limit=100`);
    for (const { path } of folders) list.append(element("option", { value: path }));
  } catch {
    // Suggestions alone: the question is asked without them.
  }
  const input = element("input", { name: "folder", value: here, maxLength: 1024, autocomplete: "off" });
  input.setAttribute("list", list.id);
  return ask({
    title,
    accept: "Move",
    content: [field("Folder", input, "A new folder is made. Empty: no folder around it."), list],
    submit: (data) => submit(data.get("folder").trim().replace(/^\/+|\/+$/g, "")),
  });
}

export async function move(files, here, changed) {
  const target = await askFolder(`Move ${named(files)}`, here, async (folder) => {
    return { folder, moved: judge(files, await bulk("move", files, () => ({ folder })), "moved") };
  });
  if (!target) return;
  const { moved } = target;
  const where = target.folder || "the top";
  const undo = async () => {
    const placed = moved.filter((file) => file.path);
    await attempt(placed, "moved back", async () => judge(placed, await bulk("move", placed, (file) => ({ path: file.path })), "moved back"));
    changed();
  };
  toast(`${named(moved)} moved to ${words.name(where)}`, moved.some((file) => file.path) ? { undo } : {});
  changed();
}

export async function copyLink(file) {
  const note = {
    private: "The file is private: the link opens for you alone. Use Share to send it",
    shared: "The link opens for the people you shared the file with",
  }[file.access];
  return giveLink(`${base}/download/${file.fileId}`, note);
}

// Several files as one archive.
export async function download(files) {
  await attempt(files, "downloaded", async () => {
    if (files.length === 1) return save(`${base}/download/${files[0].fileId}?raw=1`);
    await saveArchive({ file_ids: files.map((file) => file.fileId) });
  });
}

export async function saveArchive(content) {
  const { archive_id: id } = await tell("POST", "/api/archives", content);
  save(`${base}/api/archives/${id}`);
}

// Leaves no page: while files are sent, a browser would ask whether to stay.
function save(href) {
  element("a", { href, download: "" }).click();
}
