// Keys for lists. None of them works while somebody writes or a dialog is open.

import { ask } from "./dialogs.js";
import { copyOf } from "./elements.js";

// Calls the handler of a key, by its name with "Ctrl+" and "Shift+"; returns a function that ends it.
export function watchKeys(handlers) {
  const all = {
    "/": () => document.querySelector("#search input").focus(),
    "?": help,
    u: () => document.querySelector("[data-pick=files]")?.click(),
    "Ctrl+z": () => [...document.querySelectorAll(".toast button")].findLast((each) => each.textContent === "Undo")?.click(),
    ...handlers,
  };
  const hear = (event) => {
    const writing = event.target.closest?.("input:not([type=checkbox]), textarea, select, dialog, [contenteditable]");
    if (writing || event.altKey || event.defaultPrevented) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shift = event.shiftKey && key.length > 1 ? "Shift+" : "";
    const handler = all[`${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${shift}${key}`];
    if (handler && handler(event) !== false) event.preventDefault();
  };
  document.addEventListener("keydown", hear);
  return () => document.removeEventListener("keydown", hear);
}

function help() {
  return ask({ title: "Keys", content: [copyOf("keys")] });
}
