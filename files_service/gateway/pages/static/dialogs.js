// Dialogs that ask something. Each resolves when it is closed: with what was entered, or with nothing.

import { button, element, field, openDialog } from "./elements.js";
import { failure } from "./words.js";

// Asks in a dialog. `submit` gets the form's data and may fail, which is said beside the buttons; its answer is the result.
export function ask({ title, content = [], accept, danger = false, submit }) {
  const before = document.activeElement;
  const heading = element("h2", { id: "dialog-title", textContent: title });
  const wrong = element("p", { role: "alert" });
  wrong.setAttribute("role", "alert");
  const no = button(submit ? "Cancel" : "Close", () => dialog.close());
  const yes = element("button", { textContent: accept ?? "OK", className: danger ? "danger" : "main" });
  const buttons = element("div", { className: "buttons" }, no, ...(submit ? [yes] : []));
  const form = element("form", { method: "dialog" }, heading, ...content, wrong, buttons);
  const dialog = element("dialog", {}, form);
  dialog.setAttribute("aria-labelledby", heading.id);
  openDialog(dialog);
  (dialog.querySelector("[autofocus], input, select, textarea") ?? (danger ? no : yes)).focus();
  return new Promise((resolve) => {
    let result;
    dialog.addEventListener("close", () => {
      dialog.remove();
      // This is told after the dialog closed: keys pressed since then may have moved the focus on.
      if (document.activeElement === document.body && before?.isConnected) before.focus();
      resolve(result);
    });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      wrong.textContent = "";
      yes.disabled = true;
      try {
        result = (await submit?.(new FormData(form))) ?? true;
        dialog.close();
      } catch (error) {
        wrong.textContent = `${failure(error)}.`;
      } finally {
        yes.disabled = false;
      }
    });
  });
}

// Asks for a line of text.
export function askText({ title, label, value = "", hasEnding = true, accept, submit }) {
  const input = element("input", { name: "text", value, required: true, maxLength: 255, autocomplete: "off" });
  const shown = ask({
    title,
    accept,
    content: [field(label, input)],
    submit: (data) => submit(data.get("text").trim()),
  });
  // The name is what people change, rarely its ending.
  const dot = hasEnding ? value.lastIndexOf(".") : 0;
  input.setSelectionRange(0, dot > 0 ? dot : value.length);
  return shown;
}
