// Keeps the list of a page up to date; several changes at once are one look at the server.

import { watchChanges } from "./changes.js";
import { documentOf } from "./fetched.js";
import { merge } from "./merging.js";
import { reveal } from "./screens.js";
import { ask, base, Broken, Refused } from "./server.js";
import { tellLocalTimes } from "./words.js";

const TOGETHER_MS = 250;
// While much is changing, so long passes between two looks.
const APART_MS = 1_000;

export class Refresher {
  // `ready` is called whenever the list has changed; `concerns` says which changes of the service are looked at.
  constructor(main, ready = () => {}, concerns) {
    Object.assign(this, { main, ready, path: location.pathname.slice(base.length) + location.search });
    this.end = watchChanges(this.soon, concerns);
    document.addEventListener("uploaded", this.soon);
  }

  soon = () => {
    if (this.stopped) return;
    const rest = (this.looked ?? -Infinity) + APART_MS - performance.now();
    this.timer ??= setTimeout(() => this.refresh(), Math.max(TOGETHER_MS, rest));
  };

  stop() {
    clearTimeout(this.timer);
    this.end();
    document.removeEventListener("uploaded", this.soon);
    this.stopped = true;
  }

  async refresh() {
    this.timer = undefined;
    this.looked = performance.now();
    if (this.refreshing) return void (this.again = true);
    this.refreshing = true;
    try {
      const response = await ask("GET", this.path);
      const page = await documentOf(response);
      const fresh = page.getElementById("list");
      if (this.stopped) return;
      if (fresh) merge(this.main.querySelector("#list"), fresh);
      reveal(this.main);
      tellLocalTimes(this.main);
      this.ready();
    } catch (error) {
      // The next change, or the next connection, brings another try.
      if (!(error instanceof Refused || error instanceof Broken)) throw error;
    } finally {
      this.refreshing = false;
      if (this.again) this.soon();
      this.again = false;
    }
  }
}
