// The admin pages: their forms are sent without leaving the page, so that uploads go on.

import { viewer } from "./server.js";
import { toast } from "./toast.js";
import { failure, tellLocalTimes } from "./words.js";

export function start(main) {
  prepare(main);
  main.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    event.preventDefault();
    send(main, event.target);
  });
  main.addEventListener("click", async (event) => {
    if (!event.target.closest(".copy-made")) return;
    const field = main.querySelector(".copied");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      toast("Link copied");
    } catch {
      // Without https a browser has no clipboard for pages: the link is selected, to be copied by hand.
    }
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
    const headers = { Accept: "text/html" };
    const response = await fetch(form.action, { method: "POST", headers, body: new URLSearchParams(new FormData(form)) });
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
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
