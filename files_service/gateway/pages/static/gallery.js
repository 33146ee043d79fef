// The window of a long timeline: only the pictures near the screen are in the page, however many there are.

import { element } from "./elements.js";

// Half a screen before what is seen, and as much behind it.
const AROUND = 0.5;
// A list item, a link and a picture each: the page stays below 400 nodes on any screen.
const MOST_TILES = 120;

// Shows months ({month, title, count, files, reach}) in an element; `tile` makes the list item of a file.
export class Gallery {
  constructor(root, months, tile) {
    Object.assign(this, { root, months, tile, shown: new Map(), tiles: new Map() });
    for (const section of root.querySelectorAll(".month")) this.adopt(section);
    root.classList.add("window");
    this.measure();
    this.soon = () => (this.frame ??= requestAnimationFrame(() => this.draw()));
    this.resized = () => {
      this.measure();
      this.soon();
    };
    window.addEventListener("scroll", this.soon, { passive: true });
    window.addEventListener("resize", this.resized);
    this.draw();
  }

  stop() {
    cancelAnimationFrame(this.frame);
    window.removeEventListener("scroll", this.soon);
    window.removeEventListener("resize", this.resized);
  }

  // What the server has drawn stays as it is; empty months are drawn when they come near.
  adopt(section) {
    const grid = section.querySelector(".grid");
    const month = this.months.find((each) => each.month === section.dataset.month);
    if (!month || !grid.children.length) return section.remove();
    for (const item of grid.children) this.tiles.set(item.firstElementChild.dataset.fileId, item);
    this.shown.set(month, { section, grid, heading: section.querySelector("h2 .small") });
  }

  measure() {
    if (!this.shown.size) this.make(this.months[0]);
    const [{ section, grid }] = this.shown.values();
    const style = getComputedStyle(grid);
    const sides = style.gridTemplateColumns.split(" ");
    this.columns = sides.length;
    this.row = parseFloat(sides[0]) + parseFloat(style.rowGap);
    this.head = section.querySelector("h2").offsetHeight;
  }

  heightOf(month) {
    return month.count ? this.head + Math.ceil(month.count / this.columns) * this.row : 0;
  }

  // Where a month, or a file of it, begins on the page.
  topOf(month, index = 0) {
    let top = this.root.getBoundingClientRect().top + scrollY;
    for (const each of this.months) {
      if (each === month) break;
      top += this.heightOf(each);
    }
    return top + Math.floor(index / this.columns) * this.row;
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = undefined;
    const at = -this.root.getBoundingClientRect().top;
    const screen = Math.min(innerHeight, (MOST_TILES / this.columns - 2) * this.row / (1 + 2 * AROUND));
    const [from, to] = [at - screen * AROUND, at + screen * (1 + AROUND)];
    let top = 0;
    const kept = new Set();
    for (const month of this.shown.keys()) if (!this.months.includes(month)) this.hide(month);
    for (const month of this.months) {
      const height = this.heightOf(month);
      if (height && top < to && top + height > from) this.show(month, top, height, from - top, to - top, kept);
      else this.hide(month);
      top += height;
    }
    for (const fileId of this.tiles.keys()) if (!kept.has(fileId)) this.tiles.delete(fileId);
    this.root.style.height = `${top}px`;
  }

  show(month, top, height, from, to, kept) {
    const { section, grid, heading } = this.shown.get(month) ?? this.make(month);
    Object.assign(section.style, { top: `${top}px`, height: `${height}px` });
    const count = month.count.toLocaleString("en");
    if (heading.textContent !== count) heading.textContent = count;
    const rows = Math.ceil(month.count / this.columns);
    const first = Math.min(rows, Math.max(0, Math.floor((from - this.head) / this.row)));
    const last = Math.min(rows, Math.max(first, Math.ceil((to - this.head) / this.row)));
    grid.style.top = `${this.head + first * this.row}px`;
    const range = [first * this.columns, Math.min(month.count, last * this.columns)];
    this.fill(grid, month, ...range, kept);
    month.reach(range[1] - 1);
  }

  fill(grid, month, start, end, kept) {
    let place = grid.firstElementChild;
    for (let index = start; index < Math.min(end, month.files.length); index += 1) {
      const file = month.files[index];
      const item = this.tiles.get(file.fileId) ?? this.tile(file);
      this.tiles.set(file.fileId, item);
      kept.add(file.fileId);
      item.setAttribute("aria-posinset", index + 1);
      item.setAttribute("aria-setsize", month.count);
      if (item === place) place = place.nextElementSibling;
      else grid.insertBefore(item, place);
    }
    while (place) {
      const next = place.nextElementSibling;
      // A tile that has gone with the focus would leave the keyboard nowhere.
      if (place.contains(document.activeElement)) document.getElementById("main").focus({ preventScroll: true });
      place.remove();
      place = next;
    }
  }

  make(month) {
    const heading = element("span", { className: "small" });
    const grid = element("ul", { className: "grid" });
    const section = element("section", { className: "month" }, element("h2", {}, `${month.title} `, heading), grid);
    section.setAttribute("aria-label", month.title);
    section.dataset.month = month.month;
    const behind = this.months.slice(this.months.indexOf(month) + 1).find((each) => this.shown.has(each));
    this.root.insertBefore(section, behind ? this.shown.get(behind).section : null);
    this.shown.set(month, { section, grid, heading });
    return this.shown.get(month);
  }

  hide(month) {
    month.reach(-1);
    this.shown.get(month)?.section.remove();
    this.shown.delete(month);
  }
}
