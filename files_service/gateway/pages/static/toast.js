// Short messages at the edge of the page: what was done, with a way to undo it, or what went wrong.

import { button, element } from "./elements.js";
import { failure } from "./words.js";

const SHOWN_MS = 10_000;
const MOST = 3;
const MOST_UNDOABLE = 20;

const list = document.getElementById("toasts");
let done = [];

// What can be undone after its message has gone: {text, undo}, the last first. Activity shows it.
export const undoable = () => done;

// Shows a message; `undo` is called by its button, or by that of Activity unless the server knows of it. Returns a function that takes the message away.
export function toast(text, { undo, failed = false, isKnown = false } = {}) {
  const note = element("div", { className: failed ? "toast failed" : "toast" }, element("p", { textContent: text }));
  const close = () => {
    clearTimeout(timer);
    note.remove();
  };
  if (undo) {
    const act = { text, undo: () => (close(), (done = done.filter((each) => each !== act)), undo()) };
    if (!isKnown) done = [act, ...done].slice(0, MOST_UNDOABLE);
    note.append(button("Undo", act.undo));
  }
  note.append(button("Close", close));
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(close, SHOWN_MS);
  };
  // Who reads it, or is about to press its button, has time.
  for (const event of ["pointerenter", "focusin"]) note.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["pointerleave", "focusout"]) note.addEventListener(event, wait);
  while (list.children.length >= MOST) list.firstElementChild.remove();
  list.append(note);
  wait();
  return close;
}

// Says what was not done, and why.
export function complain(text, error) {
  toast(`${text}. ${failure(error)}.`, { failed: true });
}
