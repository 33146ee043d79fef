// Brings the list of a page up to date; several changes at once are one look at the server.

import { merge } from "./merging.js";
import { ask, base } from "./server.js";

const TOGETHER_MS = 250;

export class Refresher {
  // `ready` is called whenever the list has changed.
  constructor(list, ready) {
    Object.assign(this, { list, ready, path: location.pathname.slice(base.length) + location.search });
  }

  soon() {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.refresh(), TOGETHER_MS);
  }

  stop() {
    clearTimeout(this.timer);
    this.stopped = true;
  }

  async refresh() {
    if (this.refreshing) return void (this.again = true);
    this.refreshing = true;
    try {
      const response = await ask("GET", this.path);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
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
