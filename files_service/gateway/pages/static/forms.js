// Sends the forms of people without leaving the page: what was typed stays when one field is wrong.

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
    show(new DOMParser().parseFromString(await response.text(), "text/html"), typed);
  } catch {
    say(form, AWAY);
  } finally {
    button.disabled = false;
  }
});

// Shows what the service says, with the passwords, which it never sends back.
function show(fresh, typed) {
  const main = fresh.getElementById("main");
  document.getElementById("main").replaceWith(main);
  document.title = fresh.title;
  for (const input of main.querySelectorAll(".kept input[type=password]:not([aria-invalid])")) input.value = typed.get(input.name) ?? "";
  (main.querySelector("[aria-invalid]") ?? main.querySelector(".kept input:not([type=hidden])") ?? main.querySelector("h1"))?.focus();
}

function say(form, text) {
  const fault = form.querySelector("#form-fault") ?? Object.assign(document.createElement("p"), { id: "form-fault", className: "fault" });
  fault.setAttribute("role", "alert");
  form.prepend(fault);
  fault.textContent = text;
}
