// One file on its way: goes on after every interruption, by tus, or by WebSocket where a proxy takes no tus.

import { forget, lockOf, recall, remember } from "./memory.js";
import { Broken, Refused } from "./server.js";
import { sendByTus, terminate } from "./tus.js";
import { failure } from "./words.js";

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 8_000;
// So often in a row one way may be blocked before the other one is tried.
const BLOCKED = 3;
const DELETED = "It was deleted";
const ENDED = { not_found: DELETED, gone: document.body.dataset.uploads ? "The link has ended" : DELETED };
let sendBySocket;

// Lets uploads go by WebSocket, too; links have none.
export function alsoSend(send) {
  sendBySocket = send;
}

// The place of an upload that becomes the next version of a file, so that it is known again after an interruption.
export const versionPath = (fileId, name) => `version of ${fileId}/${name}`;
const VERSION = /^version of ([0-9A-Za-z-]{26,36})\//;

// Without https, browsers have no randomUUID.
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

// States: waiting, sending, broken (goes on by itself), paused, done, failed, cancelled.
export class Upload extends EventTarget {
  constructor(file, path, print) {
    super();
    Object.assign(this, { file, path, print, state: "waiting", received: 0, message: "", code: "" });
    this.uploadId = recall(print);
    this.requestId = newId();
    // An upload of an earlier visit may be over at the server: then it is begun anew.
    this.mayBeginAnew = true;
    this.blocked = 0;
  }

  // Sends the file; returns when it is there, or when it does not go on by itself. Only one page sends an upload.
  run() {
    // A later run has a signal of its own.
    const { signal } = (this.stopping = new AbortController());
    if (!navigator.locks) return this.send(signal);
    return navigator.locks.request(lockOf(this.print), { ifAvailable: true }, (lock) => {
      if (lock) return this.send(signal);
      this.become("failed", "Another page uploads this file");
    });
  }

  async send(signal) {
    let failures = 0;
    while (!signal.aborted) {
      const before = this.received;
      this.become("sending");
      try {
        this.fileId = await this.attempt(signal);
        forget(this.print);
        this.received = this.file.size;
        this.become("done");
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused && !this.beginAnew(error)) {
          this.become("failed", ENDED[error.code] ?? failure(error), error.code);
          return;
        }
        if (!(error instanceof Refused || error instanceof Broken)) throw error;
      }
      failures = this.received > before ? 0 : failures + 1;
      this.become("broken");
      await this.rest(Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures), signal);
    }
  }

  async attempt(signal) {
    const bySocket = sendBySocket && this.blocked >= BLOCKED;
    try {
      return await (bySocket ? sendBySocket : sendByTus)(this, signal);
    } catch (error) {
      // Where nothing gets through at all, that says nothing against either way.
      if (bySocket && !error.opened) this.blocked = 0;
      else if (error.blocked !== undefined) this.blocked = error.blocked ? this.blocked + 1 : 0;
      throw error;
    }
  }

  // An upload that the server knows no more was deleted: it is begun anew when somebody says so, never by itself.
  beginAnew(error) {
    if (!this.uploadId || !this.mayBeginAnew || !["not_found", "gone"].includes(error.code)) return false;
    this.mayBeginAnew = false;
    forget(this.print);
    this.uploadId = undefined;
    this.requestId = newId();
    this.received = 0;
    return true;
  }

  pause() {
    this.stopping?.abort();
    this.become("paused");
  }

  resume() {
    this.mayBeginAnew = true;
    if (this.state === "failed" && !this.uploadId) this.requestId = newId();
    this.become("waiting");
  }

  async cancel() {
    this.stopping?.abort();
    this.become("cancelled");
    forget(this.print);
    try {
      if (this.uploadId) await terminate(this.uploadId);
    } catch {
      // The server forgets it by itself after a while.
    }
  }

  // The file whose next version this becomes.
  get versionOf() {
    return VERSION.exec(this.path)?.[1];
  }

  // Told by the doors: the upload has begun, and what is there.
  begun(uploadId, received) {
    this.uploadId = uploadId;
    this.mayBeginAnew = false;
    remember(this.print, uploadId);
    this.arrived(received);
  }

  arrived(received) {
    this.received = received;
    this.dispatchEvent(new Event("progress"));
  }

  become(state, message = "", code = "") {
    Object.assign(this, { state, message, code });
    this.dispatchEvent(new Event("change"));
  }

  // Ends early when the network comes back, or when somebody stops the upload.
  rest(milliseconds, signal) {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        window.removeEventListener("online", wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds * (0.5 + Math.random() / 2));
      window.addEventListener("online", wake);
      signal.addEventListener("abort", wake);
    });
  }
}
