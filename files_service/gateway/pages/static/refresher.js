// Brings the list of a page up to date; several changes at once are one look at the server.

import { documentOf } from "./fetched.js";
import { merge } from "./merging.js";
import { ask, base } from "./server.js";

const TOGETHER_MS = 250;
// While much is changing, so long passes between two looks.
const APART_MS = 1_000;

export class Refresher {
  // `ready` is called whenever the list has changed.
  constructor(list, ready) {
    Object.assign(this, { list, ready, path: location.pathname.slice(base.length) + location.search });
  }

  soon() {
    if (this.stopped) return;
    const rest = (this.looked ?? -Infinity) + APART_MS - performance.now();
    this.timer ??= setTimeout(() => this.refresh(), Math.max(TOGETHER_MS, rest));
  }

  stop() {
    clearTimeout(this.timer);
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
      if (fresh) merge(this.list, fresh);
      this.ready();
    } catch {
      // The next change, or the next connection, brings another try.
    } finally {
      this.refreshing = false;
      if (this.again) this.soon();
      this.again = false;
    }
  }
}
