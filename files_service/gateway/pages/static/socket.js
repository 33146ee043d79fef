// One attempt to send a file by WebSocket (files-upload.v1). What is acknowledged is never sent again.

import { pace } from "./pace.js";
import { base, Broken, failureOf, Refused } from "./server.js";
import { nameOf } from "./words.js";

const PROTOCOL = "files-upload.v1";
const OFFSET_BYTES = 8;
const SILENCE_MS = 45_000;
const LOOK_MS = 1_000;

// Resolves when the file is there. Throws Broken, whose `opened` says whether the server was reached, or Refused.
export function sendBySocket(upload, signal) {
  return new Promise((resolve, reject) => {
    new Attempt(upload, signal, resolve, reject).begin();
  });
}

// The pieces that are missing, cut where the server cuts, or smaller.
export function* slicesOf(ranges, size, chunkSize, by = pace) {
  let at = 0;
  for (const [start, end] of [...ranges, [size, size]]) {
    while (at < start) {
      const stop = Math.min(start, by.cut(at, chunkSize));
      yield [at, stop];
      at = stop;
    }
    at = Math.max(at, end);
  }
}

class Attempt {
  constructor(upload, signal, resolve, reject) {
    Object.assign(this, { upload, signal, resolve, reject });
    this.opened = false;
    this.ended = false;
    this.sent = new Map();
    this.inFlight = 0;
    this.reading = false;
    this.finishing = false;
  }

  begin() {
    const url = new URL(`${base}/ws/upload`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url, PROTOCOL);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.start();
    this.socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    this.socket.onclose = () => this.break("the connection was lost");
    this.stop = () => this.break("stopped");
    this.lose = () => this.break("the network is away");
    this.signal.addEventListener("abort", this.stop);
    window.addEventListener("offline", this.lose);
    this.alive();
    this.watching = setInterval(() => this.watch(), LOOK_MS);
    if (this.signal.aborted) this.stop();
  }

  // A network that goes away says nothing: silence is the only sign of it, and that nothing leaves any more.
  watch() {
    if (this.socket.bufferedAmount < this.buffered) this.alive();
    this.buffered = this.socket.bufferedAmount;
    if (performance.now() - this.aliveAt > SILENCE_MS) this.break("the server says nothing");
  }

  alive() {
    this.aliveAt = performance.now();
  }

  end() {
    if (this.ended) return false;
    this.ended = true;
    clearInterval(this.watching);
    const [first] = this.sent.values();
    if (first !== undefined && !this.heardAt) pace.inVain(performance.now() - first);
    this.signal.removeEventListener("abort", this.stop);
    window.removeEventListener("offline", this.lose);
    this.socket.close();
    return true;
  }

  break(message) {
    if (this.end()) this.reject(Object.assign(new Broken(message), { opened: this.opened }));
  }

  fail(error) {
    if (this.end()) this.reject(Object.assign(error, { opened: true }));
  }

  start() {
    this.opened = true;
    const { uploadId, path, file, versionOf } = this.upload;
    const place = versionOf ? { version_of: versionOf } : { path };
    const known = uploadId ? { upload_id: uploadId } : { name: nameOf(path), ...place, size: file.size };
    if (!uploadId && file.type) known.mime_type = file.type;
    this.socket.send(JSON.stringify({ op: "start", ...known }));
  }

  hear(message) {
    if (this.ended) return;
    this.alive();
    switch (message.op) {
      case "manifest":
        this.window = message.window;
        this.slices = slicesOf(message.ranges, this.upload.file.size, message.chunk_size);
        this.upload.begun(message.upload_id, message.upload_size);
        this.send();
        break;
      case "ack":
        this.inFlight -= 1;
        this.learn(message);
        this.upload.arrived(message.upload_size);
        this.send();
        break;
      case "done":
        if (this.end()) this.resolve(message.file_id);
        break;
      case "error":
        this.fail(failureOf(message.code, message.message, message.details));
        break;
    }
  }

  // What is behind others waits for them: its time begins when theirs ends.
  learn({ slice_start: start, size }) {
    const now = performance.now();
    pace.took(now - Math.max(this.sent.get(start) ?? now, this.heardAt ?? 0), size);
    this.sent.delete(start);
    this.heardAt = now;
  }

  // Keeps as many pieces under way as the server lets us.
  async send() {
    if (this.reading) return;
    this.reading = true;
    try {
      while (!this.ended && this.inFlight < this.window) {
        const next = this.slices.next();
        if (next.done) {
          this.finish();
          break;
        }
        this.inFlight += 1;
        const frame = await frameOf(this.upload.file, ...next.value);
        if (this.ended) break;
        this.sent.set(next.value[0], performance.now());
        this.socket.send(frame);
      }
    } catch {
      this.fail(new Refused("unreadable", "the file cannot be read any more; select it again"));
    } finally {
      this.reading = false;
    }
  }

  finish() {
    if (this.inFlight || this.finishing) return;
    this.finishing = true;
    this.socket.send(JSON.stringify({ op: "finish" }));
  }
}

async function frameOf(file, start, end) {
  const bytes = new Uint8Array(await file.slice(start, end).arrayBuffer());
  const frame = new Uint8Array(OFFSET_BYTES + bytes.length);
  new DataView(frame.buffer).setBigUint64(0, BigInt(start));
  frame.set(bytes, OFFSET_BYTES);
  return frame;
}
