// How much to send at once: as much as the network brings in a few seconds, so that there is always something to hear.

const FIRST = 1024 * 1024;
const LEAST = 64 * 1024;
const MOST = 64 * 1024 * 1024;
const QUICK_MS = 1_000;
const SLOW_MS = 5_000;
const HOPELESS_MS = 20_000;

export class Pace {
  constructor() {
    this.bytes = FIRST;
    this.most = MOST;
  }

  // Where to cut what begins at a place. All cuts are where the server's are, or halve what is between them.
  cut(at, chunkSize = MOST) {
    let piece = chunkSize;
    while (piece > this.bytes && piece % 2 === 0) piece /= 2;
    return (Math.floor(at / piece) + 1) * piece;
  }

  // A piece of so many bytes took so long.
  took(milliseconds, bytes) {
    if (milliseconds > SLOW_MS) this.bytes = Math.max(LEAST, this.bytes / 2);
    else if (milliseconds < QUICK_MS && bytes >= this.bytes) this.bytes = Math.min(this.most, this.bytes * 2);
  }

  // A proxy takes no piece of so many bytes.
  tooLarge(bytes) {
    this.bytes = this.most = Math.max(LEAST, Math.min(this.bytes, 2 ** Math.floor(Math.log2(bytes))) / 2);
  }

  // A connection broke on which not one piece got through in so long.
  inVain(milliseconds) {
    if (milliseconds > HOPELESS_MS) this.bytes = Math.max(LEAST, this.bytes / 4);
  }
}

// All uploads go over the same network.
export const pace = new Pace();
