// One picture or video over the whole page; the address says which.

import { button, copyOf, element, openDialog } from "./elements.js";
import { base, read } from "./server.js";
import * as words from "./words.js";

const SWIPE_PX = 50;

// Opens at a photo ({fileId, type, name}). The series has its neighbours: `has` tells of them, `get` brings them, and
// `reveal` gives the focus to the place of a photo.
export function openLightbox(photo, series) {
  const dialog = copyOf("lightbox").firstElementChild;
  const [title, original, figure, info] = dialog.querySelectorAll("h2, a, figure, .info");
  const [details, full, close, previous, next] = dialog.querySelectorAll("button");
  details.addEventListener("click", () => toggleInfo());
  full.addEventListener("click", () => (document.fullscreenElement ? document.exitFullscreen() : dialog.requestFullscreen()));
  close.addEventListener("click", () => dialog.close());
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  let at = photo;

  // Photos of a link say where their bytes are; those of the own files are at the addresses of the files.
  const wholeOf = ({ source, fileId }) => source ?? `${base}/download/${fileId}?raw=1&inline=1`;
  const previewOf = ({ preview, fileId }) => preview ?? `${base}/api/files/${fileId}/preview/thumbnail-1600`;
  const posterOf = ({ poster, fileId }) => poster ?? `${base}/api/files/${fileId}/preview/poster`;
  const isFilm = (shown) => shown.type.startsWith("video/") && wholeOf(shown) !== "";

  async function show(shown) {
    at = shown;
    const { fileId, name } = shown;
    title.textContent = words.name(name);
    original.href = shown.original ?? `${base}/download/${fileId}?raw=1`;
    original.hidden = shown.original === "";
    info.hidden = true;
    figure.replaceChildren(isFilm(shown) ? film(shown) : picture(shown));
    previous.disabled = !series.has(at, -1);
    next.disabled = !series.has(at, 1);
    const url = new URL(location.href);
    url.searchParams.set("open", fileId);
    history.replaceState(history.state, "", url);
    for (const by of [-1, 1]) {
      const near = await series.get(shown, by);
      if (at === shown && near && !isFilm(near)) new Image().src = previewOf(near);
    }
  }

  function picture(shown) {
    const image = element("img", { src: previewOf(shown), alt: words.name(shown.name) });
    // Without a preview the file itself is shown, where a browser can.
    const whole = () => {
      if (!wholeOf(shown)) return missing(shown);
      image.addEventListener("error", () => missing(shown));
      image.src = wholeOf(shown);
    };
    image.addEventListener("error", whole, { once: true });
    return image;
  }

  // Its processing may not be over, or the service does not answer.
  function missing(shown) {
    if (at !== shown) return;
    const again = button("Try again", () => (show(shown), figure.focus()));
    figure.replaceChildren(element("p", { className: "missing" }, "This cannot be shown at the moment. ", again));
  }

  function film(shown) {
    const video = element("video", { src: wholeOf(shown), poster: posterOf(shown), controls: true, playsInline: true, preload: "metadata" });
    video.setAttribute("aria-label", words.name(shown.name));
    video.addEventListener("error", () => missing(shown));
    return video;
  }

  async function step(by) {
    const before = at;
    const near = await series.get(at, by);
    if (near && at === before) show(near);
  }

  async function toggleInfo() {
    info.hidden = !info.hidden;
    if (info.hidden) return;
    if (at.says) return void (info.textContent = `${words.name(at.name)} · ${at.says}`);
    info.textContent = "…";
    try {
      const file = await read(`/api/files/${at.fileId}`);
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
    // Keys pressed since it closed may have moved the focus on.
    if ([before, document.body].includes(document.activeElement)) series.reveal(at);
  });
  const before = document.activeElement;
  openDialog(dialog);
  show(photo);
}

// The photos of a container whose links are all in the page.
export function seriesOf(container) {
  const links = () => [...container.querySelectorAll(".photo")];
  const find = ({ fileId }, by) => {
    const all = links();
    return all[all.findIndex((each) => each.dataset.fileId === fileId) + by];
  };
  return {
    has: (photo, by) => find(photo, by) !== undefined,
    get: async (photo, by) => {
      const link = find(photo, by);
      return link && { ...link.dataset };
    },
    reveal: (photo) => find(photo, 0)?.focus(),
  };
}
