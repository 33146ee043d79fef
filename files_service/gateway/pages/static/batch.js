// Files that were taken together: what they are all together, kept by the differences that uploads tell.

const RATE_WINDOW_MS = 8_000;
const OVER = ["done", "failed", "cancelled"];

export class Batch extends EventTarget {
  constructor(uploads, label) {
    super();
    this.label = label;
    this.uploads = new Set();
    this.counts = { waiting: 0, sending: 0, broken: 0, paused: 0, done: 0, failed: 0, cancelled: 0 };
    this.size = 0;
    this.received = 0;
    this.samples = [];
    for (const upload of uploads) this.add(upload);
  }

  add(upload) {
    let { state, received } = upload;
    this.uploads.add(upload);
    this.size += upload.file.size;
    this.received += received;
    this.counts[state] += 1;
    const learn = () => {
      this.received += upload.received - received;
      received = upload.received;
    };
    upload.addEventListener("progress", () => {
      learn();
      this.sample();
      this.dispatchEvent(new Event("progress"));
    });
    upload.addEventListener("change", () => {
      learn();
      this.counts[state] -= 1;
      state = upload.state;
      this.counts[state] += 1;
      if (state === "cancelled") this.leave(upload, received);
      this.dispatchEvent(new Event("change"));
    });
  }

  leave(upload, received) {
    this.uploads.delete(upload);
    this.size -= upload.file.size;
    this.received -= received;
    this.counts.cancelled -= 1;
  }

  sample() {
    const now = performance.now();
    const last = this.samples.at(-1);
    if (last && now - last[0] < 200) last[1] = this.received;
    else this.samples.push([now, this.received]);
    while (this.samples.length > 2 && now - this.samples[0][0] > RATE_WINDOW_MS) this.samples.shift();
  }

  // Bytes per second of late; 0 where nobody knows yet.
  get rate() {
    if (this.samples.length < 2 || !this.counts.sending) return 0;
    const [[start, from], [end, to]] = [this.samples[0], this.samples.at(-1)];
    return Math.max(0, ((to - from) * 1000) / (end - start));
  }

  get total() {
    return this.uploads.size;
  }

  get isOver() {
    return OVER.reduce((sum, state) => sum + this.counts[state], 0) === this.total;
  }

  // The one word for all of them.
  get state() {
    for (const state of ["sending", "broken", "waiting", "paused", "failed"]) if (this.counts[state]) return state;
    return "done";
  }
}
