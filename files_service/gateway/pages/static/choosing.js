// Where files come from: two buttons, and whatever is dropped on the page, folders with all that is in them.

const MOST = 10_000;
const LONGEST_NAME = 255;

export function watchChoosing(take) {
  for (const [button, input] of [["choose-files", "files-input"], ["choose-folder", "folder-input"]]) {
    const field = document.getElementById(input);
    document.getElementById(button).addEventListener("click", () => field.click());
    field.addEventListener("change", () => {
      take([...field.files].map((file) => ({ file, path: nameOf(file.webkitRelativePath || file.name) })));
      field.value = "";
    });
  }
  watchDropping(take);
}

function watchDropping(take) {
  const zone = document.getElementById("drop");
  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (change) => {
    depth = Math.max(0, change ? depth + change : 0);
    zone.classList.toggle("over", depth > 0);
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && mark(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && mark(-1));
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(0);
    take(await filesOf(event.dataTransfer));
  });
}

// What the server takes as a name: one line, not too long. The end of a path says more than its beginning.
function nameOf(path) {
  const characters = [...path.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, "_")];
  return characters.slice(-LONGEST_NAME).join("");
}

async function filesOf(transfer) {
  // Entries must be asked for before anything is waited for: the event's data is gone then.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: nameOf(file.name) }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (found.length >= MOST) return;
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: nameOf(entry.fullPath.replace(/^\//, "")) });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A folder tells its content in batches; an empty one is the last.
    const batch = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!batch.length) return;
    for (const each of batch) await walk(each, found);
  }
}
