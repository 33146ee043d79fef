// The timeline: months of pictures and videos, whose files are read as far as somebody looks.

import { watchChanges } from "./changes.js";
import { element, icon } from "./elements.js";
import { Gallery } from "./gallery.js";
import { openLightbox } from "./lightbox.js";
import { go } from "./navigation.js";
import { base, read } from "./server.js";
import { complain } from "./toast.js";
import * as words from "./words.js";

const PER_CALL = 100;
// A picture of at most so many bytes is its own preview where none was made.
const SMALL_BYTES = 2_000_000;
// The worker has counted a change by then.
const TOGETHER_MS = 3_000;
// How wide a tile is, for the choice of its picture.
const SIZES = "(max-width: 40rem) 33vw, max(11rem, 10vw)";

export function start(main) {
  const timeline = main.querySelector("#timeline");
  const sections = [...timeline.querySelectorAll(".month")];
  if (!sections.length) return watchSoon(async () => (await readMonths()).length && go(location.href));
  const changed = () => gallery?.soon();
  const months = sections.map((section) => Month.of(section, changed));
  const gallery = new Gallery(timeline, months, tile);
  const query = new URLSearchParams(location.search);
  const chosen = months.find((each) => each.month === query.get("month"));
  if (history.state?.scroll) scrollTo(0, history.state.scroll);
  else if (chosen && chosen !== months[0]) scrollTo(0, gallery.topOf(chosen) - gallery.head);

  const series = new Series(months, gallery);
  timeline.addEventListener("click", (event) => {
    const photo = event.target.closest(".photo");
    if (!photo || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    openLightbox({ ...photo.dataset }, series);
  });
  const open = query.get("open");
  const photo = open && months.flatMap((each) => each.files).find((each) => each.fileId === open);
  if (photo) openLightbox(photo, series);

  const end = watchSoon(async () => {
    const known = new Map(months.map((each) => [each.month, each]));
    const fresh = (await readMonths()).map(({ month, count }) => {
      const old = known.get(month);
      return old ? Object.assign(old, { count, stale: true }) : new Month(month, titleOf(month), count, [], "", changed);
    });
    if (!fresh.length) return go(location.href);
    months.splice(0, months.length, ...fresh);
    changed();
  });
  return () => {
    gallery.stop();
    end();
  };
}

// Calls back some time after files have changed, once for changes that come together; what fails waits for the next.
function watchSoon(changed) {
  let timer;
  const run = () => {
    timer = undefined;
    changed().catch(() => {});
  };
  const end = watchChanges(() => (timer ??= setTimeout(run, TOGETHER_MS)));
  return () => {
    clearTimeout(timer);
    end();
  };
}

async function readMonths() {
  return (await read("/api/timeline")).months;
}

function titleOf(month) {
  return new Date(`${month}-15`).toLocaleString("en", { month: "long", year: "numeric" });
}

// The files of a month, from the newest on as far as they were wanted.
class Month {
  constructor(month, title, count, files, cursor, changed) {
    Object.assign(this, { month, title, count, files, cursor, changed, wanted: -1, stale: false });
  }

  static of(section, changed) {
    const { month, count, cursor } = section.dataset;
    const files = [...section.querySelectorAll(".photo")].map((link) => ({ ...link.dataset }));
    const rest = files.length ? (cursor ?? null) : "";
    return new Month(month, section.getAttribute("aria-label"), Number(count), files, rest, changed);
  }

  // Reads on until the file at an index is there; one read at a time, which ends when nobody looks any more.
  reach(index) {
    this.wanted = index;
    const lacks = this.stale || (this.files.length <= index && this.cursor !== null);
    if (index >= 0 && lacks) this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  async read() {
    let { files, cursor } = this.stale ? { files: [], cursor: "" } : this;
    this.stale = false;
    try {
      while (files.length <= this.wanted && cursor !== null) {
        const query = new URLSearchParams({ month: this.month, limit: PER_CALL, ...(cursor ? { cursor } : {}) });
        const found = await read(`/api/timeline?${query}`);
        files = files.concat(found.files.map(entryOf));
        cursor = found.next_cursor;
        // What was read anew takes the place of the old when it is as much.
        if (cursor === null || files.length > Math.min(this.wanted, this.files.length - 1)) this.take(files, cursor);
      }
    } catch (error) {
      this.cursor = null;
      complain(`${this.title} could not be loaded`, error);
    }
  }

  take(files, cursor) {
    Object.assign(this, { files, cursor });
    this.count = cursor === null ? files.length : Math.max(this.count, files.length);
    this.changed();
  }
}

// Neighbours for the lightbox, over the ends of months.
class Series {
  constructor(months, gallery) {
    Object.assign(this, { months, gallery });
  }

  find({ fileId }) {
    for (const month of this.months) {
      const index = month.files.findIndex((each) => each.fileId === fileId);
      if (index >= 0) return { month, index };
    }
    return undefined;
  }

  place(photo, by) {
    const found = this.find(photo);
    if (!found) return undefined;
    const index = found.index + by;
    if (index >= 0 && index < found.month.count) return { month: found.month, index };
    const others = by > 0 ? this.months.slice(this.months.indexOf(found.month) + 1) : this.months.slice(0, this.months.indexOf(found.month)).reverse();
    const month = others.find((each) => each.count);
    return month && { month, index: by > 0 ? 0 : month.count - 1 };
  }

  has(photo, by) {
    return this.place(photo, by) !== undefined;
  }

  async get(photo, by) {
    const place = this.place(photo, by);
    if (!place) return undefined;
    const { month, index } = place;
    while (!month.files[index] && month.cursor !== null) await month.reach(index);
    return month.files[index];
  }

  // Shows the tile of a photo, and gives it the focus.
  reveal(photo) {
    const found = this.find(photo);
    if (!found) return;
    const top = this.gallery.topOf(found.month, found.index) + this.gallery.head;
    if (top < scrollY || top + this.gallery.row > scrollY + innerHeight) scrollTo(0, top - innerHeight / 3);
    this.gallery.draw();
    this.gallery.tiles.get(photo.fileId)?.firstElementChild.focus();
  }
}

// What a tile and the lightbox need to know of a file.
function entryOf(file) {
  const kinds = file.derived.map((each) => each.kind);
  const kind = ["thumbnail-512", "poster"].find((each) => kinds.includes(each));
  const own = file.content_type.startsWith("image/") && file.size <= SMALL_BYTES;
  const src = kind ? `${base}/api/files/${file.file_id}/preview/${kind}` : own ? `${base}/download/${file.file_id}?raw=1&inline=1` : "";
  const less = kind === "thumbnail-512" && kinds.includes("thumbnail-256") ? src.replace("-512", "-256") : "";
  return { fileId: file.file_id, type: file.content_type, name: file.name, src, small: less };
}

function tile({ fileId, type, name, src, small }) {
  const link = element("a", { className: "photo", href: `${base}/download/${fileId}` });
  Object.assign(link.dataset, { fileId, type, name, src, small });
  const film = type.startsWith("video/");
  const shown = words.name(name);
  if (src) {
    const image = element("img", { alt: film ? `Video: ${shown}` : shown, decoding: "async" });
    if (small) Object.assign(image, { sizes: SIZES, srcset: `${small} 256w, ${src} 512w` });
    image.src = src;
    link.append(image);
  }
  if (!src) link.append(icon(film ? "video" : "image"), element("span", { className: "small", textContent: shown }));
  return element("li", {}, link);
}
