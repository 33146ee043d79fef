// Files that visitors bring: what a link takes is checked before anything is sent, and the end is said.

import { watchPicking } from "./picking.js";
import { isBusy, showUnfinished, take } from "./tray.js";
import * as words from "./words.js";

let form;
let pending = [];
let sent = 0;
let isWatching = false;

export function bring(main) {
  form = main.querySelector(".bring");
  form.addEventListener("submit", (event) => event.preventDefault());
  const sender = form.querySelector("#sender");
  sender.addEventListener("change", () => pending.length && send(pending));
  // The plain form serves until the buttons do something.
  form.querySelector(".plain").remove();
  form.querySelector(".scripted").hidden = false;
  if (isWatching) return;
  isWatching = true;
  watchPicking(send);
  window.addEventListener("beforeunload", (event) => isBusy() && event.preventDefault());
  document.addEventListener("uploaded", ({ detail }) => thank(detail));
  showUnfinished();
}

function send(files) {
  if (!form.isConnected) return;
  const fault = form.querySelector("#bring-fault");
  const sender = form.querySelector("#sender");
  pending = [];
  sender.removeAttribute("aria-invalid");
  fault.textContent = faultOf(files);
  if (fault.textContent) return;
  if (sender.required && !sender.value.trim()) {
    pending = files;
    fault.textContent = `Enter your name above: then ${words.count(files.length, "file")} will be sent.`;
    sender.setAttribute("aria-invalid", "true");
    sender.setAttribute("aria-describedby", fault.id);
    return sender.focus();
  }
  document.getElementById("sent").hidden = true;
  take(files);
}

// What the link does not take, as a sentence; "" when it takes all of it.
function faultOf(files) {
  const most = JSON.parse(form.dataset.checks);
  const large = files.find(({ file }) => most.each !== undefined && file.size > most.each);
  if (large) return `${words.name(words.nameOf(large.path))} is too large: each file may have ${words.size(most.each)}. Nothing was sent.`;
  if (files.length > (most.files ?? Infinity)) return `The link takes ${words.count(most.files, "file")} in all. Select fewer; nothing was sent.`;
  const bytes = files.reduce((sum, { file }) => sum + file.size, 0);
  if (bytes > (most.bytes ?? Infinity)) return `These are ${words.size(bytes)}, and the link takes ${words.size(most.bytes)} in all. Nothing was sent.`;
  return "";
}

function thank(files) {
  const panel = document.getElementById("sent");
  if (!panel) return;
  sent += files;
  const to = form.dataset.to ? ` to “${words.name(form.dataset.to)}”` : "";
  panel.hidden = false;
  panel.querySelector("p").textContent = `${words.count(sent, "file")} sent${to}. You may close this page, or send more.`;
}
