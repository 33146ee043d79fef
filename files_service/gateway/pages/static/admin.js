// The admin pages: their forms are sent without leaving the page, so that uploads go on.

import { giveLink } from "./clipboard.js";
import { documentOf } from "./fetched.js";
import { OURS, viewer } from "./server.js";
import { toast } from "./toast.js";
import { failure, tellLocalTimes } from "./words.js";

export function start(main) {
  prepare(main);
  main.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    event.preventDefault();
    send(main, event.target);
  });
  main.addEventListener("click", ({ target }) => {
    if (target.closest(".copy-made")) giveLink(main.querySelector(".copied").value);
  });
}

function prepare(main) {
  for (const each of main.querySelectorAll(".scripted")) each.hidden = false;
  tellLocalTimes(main);
  main.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
}

async function send(main, form) {
  const buttons = form.querySelectorAll("button");
  for (const each of buttons) each.disabled = true;
  try {
    const headers = { ...OURS, Accept: "text/html" };
    const response = await fetch(form.action, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) });
    const fresh = await documentOf(response);
    // Signed out meanwhile, or an error that is no page.
    if (fresh.body.dataset.viewer !== viewer) return void location.reload();
    main.replaceChildren(...fresh.getElementById("main").childNodes);
    prepare(main);
    const told = main.querySelector('[role="alert"], .done');
    told?.setAttribute("tabindex", "-1");
    told?.focus();
    told?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    toast(`Nothing was changed. ${failure(error)}.`, { failed: true });
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}
