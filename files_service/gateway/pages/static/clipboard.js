// Links for people who send them on.

import { ask } from "./dialogs.js";
import { element, field } from "./elements.js";
import { toast } from "./toast.js";

// Copies a link, which may be a path. Without https a browser has no clipboard for pages: there the link is shown, to be copied by hand.
export async function giveLink(link, note = "") {
  try {
    await navigator.clipboard.writeText(wholeOf(link));
  } catch {
    return showLink(link, note);
  }
  toast(note ? `Link copied. ${note}` : "Link copied");
}

export function showLink(link, note = "") {
  const input = element("input", { value: wholeOf(link), readOnly: true });
  input.addEventListener("focus", () => input.select());
  return ask({ title: "Link", content: [field("Copy this link", input, note)] });
}

const wholeOf = (link) => new URL(link, location.href).href;
