// The admin pages: their forms are sent without leaving the page, so that uploads go on.

import { giveLink } from "./clipboard.js";
import { documentOf } from "./fetched.js";
import { reveal } from "./screens.js";
import { OURS, viewer } from "./server.js";
import { complain } from "./toast.js";
import { tellLocalTimes } from "./words.js";

export function start(main) {
  showTab(main);
  main.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    event.preventDefault();
    send(main, event.target);
  });
  main.addEventListener("click", ({ target }) => {
    if (target.closest(".copy-made")) giveLink(main.querySelector(".copied").value);
  });
}

function showTab(main) {
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
    reveal(main);
    tellLocalTimes(main);
    showTab(main);
    const told = main.querySelector('[role="alert"], .done');
    told?.setAttribute("tabindex", "-1");
    told?.focus();
    told?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    complain("Nothing was changed", error);
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}
