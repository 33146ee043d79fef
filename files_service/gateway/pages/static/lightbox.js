// One picture or video over the whole page. The address says which, so that it can be sent and the way back closes it.

import { element } from "./dialogs.js";
import { icon } from "./icon.js";
import { ask, base } from "./server.js";
import * as words from "./words.js";

const SWIPE_PX = 50;

// Opens at a link of a container whose other links are its neighbours.
export function openLightbox(photo, container) {
  const title = element("h2");
  const figure = element("figure", { tabIndex: -1 });
  const info = element("p", { className: "info", hidden: true });
  const original = element("a", { className: "button square", download: "" }, icon("download"));
  original.setAttribute("aria-label", "Download");
  const button = (name, label, act, className = "square") => {
    const made = element("button", { type: "button", className }, icon(name));
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };
  const full = button("full-screen", "Full screen", () => (document.fullscreenElement ? document.exitFullscreen() : dialog.requestFullscreen()));
  const header = element("header", {}, title, button("info", "Details", () => toggleInfo()), full, original, button("close", "Close", () => dialog.close()));
  const previous = button("previous", "Previous", () => step(-1), "step");
  const next = button("next", "Next", () => step(1), "step");
  const dialog = element("dialog", { className: "lightbox" }, header, previous, figure, next);
  dialog.append(info);
  dialog.setAttribute("aria-label", "Photo");
  let at = photo;

  const links = () => [...container.querySelectorAll(".photo")];
  const neighbour = (by) => links()[links().indexOf(at) + by];
  // Tiles of a link say where their bytes are; those of the own photos are at the addresses of the files.
  const wholeOf = ({ dataset }) => dataset.source ?? `${base}/download/${dataset.fileId}?raw=1&inline=1`;
  const previewOf = ({ dataset }) => dataset.preview ?? `${base}/api/files/${dataset.fileId}/preview/thumbnail-1600`;
  const posterOf = ({ dataset }) => dataset.poster ?? `${base}/api/files/${dataset.fileId}/preview/poster`;
  const isFilm = (link) => link.dataset.type.startsWith("video/") && wholeOf(link) !== "";

  function show(link) {
    at = link;
    const { fileId, name } = link.dataset;
    title.textContent = words.name(name);
    original.href = link.dataset.original ?? `${base}/download/${fileId}?raw=1`;
    original.hidden = link.dataset.original === "";
    info.hidden = true;
    figure.replaceChildren(isFilm(link) ? film(link, name) : picture(link, name));
    previous.disabled = !neighbour(-1);
    next.disabled = !neighbour(1);
    const url = new URL(location.href);
    url.searchParams.set("open", fileId);
    history.replaceState(history.state, "", url);
    for (const by of [-1, 1]) {
      const near = neighbour(by);
      if (near && !isFilm(near)) new Image().src = previewOf(near);
    }
  }

  function picture(link, name) {
    const image = element("img", { src: previewOf(link), alt: words.name(name) });
    // Without a preview the file itself is shown, where a browser can.
    const whole = () => {
      if (!wholeOf(link)) return missing(link);
      image.addEventListener("error", () => missing(link));
      image.src = wholeOf(link);
    };
    image.addEventListener("error", whole, { once: true });
    return image;
  }

  // Its processing may not be over, or the service does not answer.
  function missing(link) {
    if (at !== link) return;
    const again = element("button", { type: "button", textContent: "Try again" });
    again.addEventListener("click", () => (show(link), figure.focus()));
    figure.replaceChildren(element("p", { className: "missing" }, "This cannot be shown at the moment. ", again));
  }

  function film(link, name) {
    const video = element("video", { src: wholeOf(link), poster: posterOf(link), controls: true, playsInline: true, preload: "metadata" });
    video.setAttribute("aria-label", words.name(name));
    video.addEventListener("error", () => missing(link));
    return video;
  }

  function step(by) {
    const link = neighbour(by);
    if (link) show(link);
  }

  async function toggleInfo() {
    info.hidden = !info.hidden;
    if (info.hidden) return;
    if (at.dataset.says) return void (info.textContent = `${words.name(at.dataset.name)} · ${at.dataset.says}`);
    info.textContent = "…";
    try {
      const file = await (await ask("GET", `/api/files/${at.dataset.fileId}`)).json();
      const { width, height, camera } = file.media ?? {};
      const taken = new Date(file.captured_at ?? file.created_at).toLocaleString([], { dateStyle: "long", timeStyle: "short" });
      info.textContent = [words.name(file.name), taken, words.size(file.size), width && `${width} × ${height}`, camera].filter(Boolean).join(" · ");
    } catch (error) {
      info.textContent = words.failure(error);
    }
  }

  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    f: () => full.click(),
    i: toggleInfo,
    " ": () => {
      const video = figure.querySelector("video");
      if (video) return video.paused ? video.play() : video.pause();
      step(1);
    },
  };
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("video, button, a") && event.key === " ") return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    act();
  });
  let from;
  figure.addEventListener("pointerdown", (event) => (from = event.pointerType === "touch" ? event.clientX : undefined));
  figure.addEventListener("pointerup", (event) => {
    if (from !== undefined && Math.abs(event.clientX - from) > SWIPE_PX) step(event.clientX < from ? 1 : -1);
    from = undefined;
  });
  dialog.addEventListener("close", () => {
    figure.replaceChildren();
    dialog.remove();
    const url = new URL(location.href);
    url.searchParams.delete("open");
    history.replaceState(history.state, "", url);
    at.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
  show(photo);
}
