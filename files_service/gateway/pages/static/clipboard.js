// Links for people who send them on.

import { ask, element, field } from "./dialogs.js";
import { toast } from "./toast.js";

// Copies a link. Without https a browser has no clipboard for pages: there the link is shown, to be copied by hand.
export async function giveLink(link, note = "") {
  try {
    await navigator.clipboard.writeText(link);
  } catch {
    return showLink(link, note);
  }
  toast(note ? `Link copied. ${note}` : "Link copied");
}

export function showLink(link, note = "") {
  const input = element("input", { value: link, readOnly: true });
  input.addEventListener("focus", () => input.select());
  return ask({ title: "Link", content: [field("Copy this link", input, note)] });
}
