// The timeline: months are filled when they come near and emptied when they are far, so that the page stays small.

import { watchChanges } from "./changes.js";
import { openLightbox } from "./lightbox.js";
import { ask, base } from "./server.js";
import { element } from "./dialogs.js";
import { icon } from "./icon.js";
import { toast } from "./toast.js";
import * as words from "./words.js";

const PER_CALL = 100;
// A picture of at most so many bytes is its own preview where none was made.
const SMALL_BYTES = 2_000_000;
const TOGETHER_MS = 1_000;
// Months within so many screens have their pictures.
const NEAR = "150% 0px";

export function start(main) {
  for (const each of main.querySelectorAll(".scripted")) each.hidden = false;
  const timeline = main.querySelector("#timeline");
  const months = [...timeline.querySelectorAll(".month")].map((section) => new Month(section));
  const observer = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) {
      const month = months.find((each) => each.section === target);
      if (isIntersecting) month.fill();
      else month.empty();
    }
  }, { rootMargin: NEAR });
  months.forEach((month) => observer.observe(month.section));
  const shown = new URLSearchParams(location.search).get("month");
  if (shown) timeline.querySelector(`[data-month="${CSS.escape(shown)}"]`)?.scrollIntoView();

  timeline.addEventListener("click", (event) => {
    const photo = event.target.closest(".photo");
    if (!photo || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openLightbox(photo, timeline);
  });
  const open = new URLSearchParams(location.search).get("open");
  const photo = open && timeline.querySelector(`[data-file-id="${CSS.escape(open)}"]`);
  if (photo) openLightbox(photo, timeline);

  let timer;
  const end = watchChanges(() => (timer ??= setTimeout(() => ((timer = undefined), months.forEach((month) => month.refresh())), TOGETHER_MS)));
  return () => {
    clearTimeout(timer);
    observer.disconnect();
    end();
  };
}

class Month {
  constructor(section) {
    this.section = section;
    this.grid = section.querySelector(".grid");
    this.near = false;
    this.reserve();
  }

  // The height of a month is known before its pictures: the page does not jump.
  reserve() {
    const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
    const width = this.grid.clientWidth / columns;
    this.grid.style.minHeight = `${Math.ceil(Number(this.section.dataset.count) / columns) * width}px`;
  }

  async fill() {
    this.near = true;
    if (this.loading || (!this.stale && this.grid.children.length >= Number(this.section.dataset.count))) return;
    this.loading = true;
    this.stale = false;
    try {
      const made = [];
      let cursor = "";
      do {
        const query = new URLSearchParams({ month: this.section.dataset.month, limit: PER_CALL, ...(cursor ? { cursor } : {}) });
        const found = await (await ask("GET", `/api/timeline?${query}`)).json();
        made.push(...found.files.map((file) => this.tile(file)));
        cursor = found.next_cursor;
      } while (cursor && this.near);
      if (this.near && this.grid.isConnected) this.grid.replaceChildren(...made);
    } catch (error) {
      if (this.grid.isConnected) toast(`${this.section.getAttribute("aria-label")} could not be loaded. ${words.failure(error)}.`, { failed: true });
    } finally {
      this.loading = false;
    }
  }

  tile(file) {
    const kinds = file.derived.map((each) => each.kind);
    const kind = ["thumbnail-512", "poster"].find((each) => kinds.includes(each));
    const link = element("a", { className: "photo", href: `${base}/download/${file.file_id}` });
    Object.assign(link.dataset, { fileId: file.file_id, type: file.content_type, name: file.name });
    const name = words.name(file.name);
    const small = file.content_type.startsWith("image/") && file.size <= SMALL_BYTES;
    if (kind || small) {
      const src = kind ? `${base}/api/files/${file.file_id}/preview/${kind}` : `${base}/download/${file.file_id}?raw=1&inline=1`;
      link.append(element("img", { src, alt: name, loading: "lazy", decoding: "async" }));
    } else {
      link.append(icon(file.content_type.startsWith("video/") ? "video" : "image"), element("span", { className: "small", textContent: name }));
    }
    if (file.content_type.startsWith("video/")) link.append(element("span", { className: "chip" }, icon("play"), element("span", { className: "hidden", textContent: "Video" })));
    return element("li", {}, link);
  }

  empty() {
    this.near = false;
    if (this.grid.contains(document.activeElement)) return;
    this.grid.style.minHeight = `${this.grid.offsetHeight}px`;
    this.grid.replaceChildren();
  }

  refresh() {
    this.stale = true;
    if (this.near) this.fill();
  }
}
