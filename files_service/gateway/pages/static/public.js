// The page of a link: times of the reader, the selection, the gallery, uploads, and the end of the link.

import { watchAccess } from "./access.js";
import { documentOf, showMain } from "./fetched.js";
import { count, size, tellLocalTimes } from "./words.js";

let stopWatching = () => {};
start();

function start() {
  const main = document.getElementById("main");
  tellLocalTimes(main);
  for (const each of main.querySelectorAll(".scripted:not(.bring *)")) each.hidden = false;
  if (main.querySelector("#selection")) watchSelection(main);
  if (main.querySelector(".gallery")) watchGallery(main.querySelector(".gallery"));
  if (main.querySelector(".bring")) import("./bring.js").then(({ bring }) => bring(main));
  stopWatching();
  stopWatching = watchAccess(stayLocked);
}

function watchSelection(main) {
  const boxes = [...main.querySelectorAll("#selection .choose")];
  const all = main.querySelector("#all");
  if (!all) return;
  const show = () => {
    const chosen = boxes.filter((each) => each.checked);
    const bytes = chosen.reduce((sum, each) => sum + Number(each.closest(".file").dataset.size), 0);
    main.querySelector("#selected").textContent = chosen.length ? `${count(chosen.length, "file")} selected, ${size(bytes)}` : "";
    main.querySelector(".selected").disabled = !chosen.length;
    all.checked = chosen.length === boxes.length;
    all.indeterminate = chosen.length > 0 && !all.checked;
  };
  all.addEventListener("change", () => {
    for (const each of boxes) each.checked = all.checked;
    show();
  });
  main.querySelector("#selection").addEventListener("change", show);
  show();
}

function watchGallery(gallery) {
  const open = async (photo) => {
    const { openLightbox, seriesOf } = await import("./lightbox.js");
    openLightbox({ ...photo.dataset }, seriesOf(gallery));
  };
  gallery.addEventListener("click", (event) => {
    const photo = event.target.closest(".photo");
    if (!photo || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(photo);
  });
  const named = new URLSearchParams(location.search).get("open");
  const photo = named && gallery.querySelector(`[data-file-id="${CSS.escape(named)}"]`);
  if (photo) open(photo);
}

// The password of a link is asked for again in this page, so that files under way go on.
function stayLocked() {
  const form = document.querySelector("form.unlock");
  if (!form) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    let response;
    try {
      response = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, body: new URLSearchParams(new FormData(form)) });
    } catch {
      return form.submit();
    }
    showMain(await documentOf(response));
    if (!response.ok) return stayLocked();
    document.dispatchEvent(new Event("unlocked"));
    start();
  });
}
