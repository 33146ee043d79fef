// Elements that scripts make, and the dialogs in which they stand.

import { base } from "./server.js";

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// What a template of the page has.
export function copyOf(id) {
  return document.getElementById(id).content.cloneNode(true);
}

export function field(label, input, note) {
  const words = element("span", { textContent: label });
  const hint = note ? [element("span", { className: "small", textContent: note })] : [];
  return element("label", { className: "field" }, words, input, ...hint);
}

export function button(label, click, className = "") {
  const made = element("button", { type: "button", className }, label);
  made.addEventListener("click", click);
  return made;
}

// An icon of the sprite; it says nothing to those who hear the page.
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${base}/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

// A row of a list, with what is said below its name and what can be done.
export function row(kind, name, says, ...deeds) {
  const about = element("div", { className: "about" }, element("bdi", { className: "name", textContent: name }), ...says);
  return element("li", { className: "file" }, element("span", { className: "thumbnail" }, icon(kind)), about, element("div", { className: "deeds" }, ...deeds));
}

// Opens a dialog over the page. Messages go into it: behind it nobody could press their buttons or hear them.
export function openDialog(dialog) {
  const messages = document.querySelectorAll("#toasts, #news");
  document.body.append(dialog);
  // This closes the notices, where they may have been.
  dialog.showModal();
  const home = messages[0]?.parentElement;
  dialog.append(...messages);
  dialog.addEventListener("close", () => (home?.isConnected ? home : document.body).append(...messages));
}
