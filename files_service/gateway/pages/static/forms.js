// Sends the forms of people without leaving the page: what was typed stays when one field is wrong.

import { documentOf, showMain } from "./fetched.js";

const AWAY = "There is no connection to the service. Check yours and try again.";

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches(".kept")) return;
  event.preventDefault();
  const typed = new FormData(form);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, body: new URLSearchParams(typed) });
    if (response.redirected) return void location.assign(response.url);
    showMain(await documentOf(response), (main) => keepPasswords(main, typed));
  } catch {
    say(form, AWAY);
  } finally {
    button.disabled = false;
  }
});

// The service never sends passwords back.
function keepPasswords(main, typed) {
  for (const input of main.querySelectorAll(".kept input[type=password]:not([aria-invalid])")) input.value = typed.get(input.name) ?? "";
}

function say(form, text) {
  const fault = form.querySelector("#form-fault") ?? Object.assign(document.createElement("p"), { id: "form-fault", className: "fault" });
  fault.setAttribute("role", "alert");
  form.prepend(fault);
  fault.textContent = text;
}
