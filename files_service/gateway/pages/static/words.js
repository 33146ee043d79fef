// How sizes, times, names and errors are said.

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  const minutes = Math.ceil(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

// Controls, of direction above all, would make a name look like another one. Joiners belong to scripts and to emoji.
export function name(text) {
  return text.replace(/(?![\u200c\u200d])\p{C}/gu, "\ufffd");
}

// The last segment of a path.
export function nameOf(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

// Every time of a part of the page, in the reader's zone and language; in lists in few words.
export function tellLocalTimes(root) {
  // A day alone is that of the service, whatever the zone.
  for (const time of root.querySelectorAll('time[datetime*="T"]')) {
    const at = new Date(time.dateTime);
    const whole = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const today = at.toDateString() === new Date().toDateString();
    time.title = whole;
    time.textContent = time.closest(".file") ? at.toLocaleString([], today ? { timeStyle: "short" } : { dateStyle: "medium" }) : whole;
  }
}

const FAILURES = {
  unauthorized: "You are signed out",
  forbidden: "You may not do this",
  not_found: "It is not there any more",
  gone: "It was deleted",
  conflict: "Somebody else changed it at the same moment",
  immutable: "It is protected against changes",
  path_taken: "There is a file of this name already",
  too_large: "It is too large",
  unsupported_type: "Files of this type are not accepted",
  storage_unavailable: "The storage does not answer at the moment",
  service_unavailable: "The service does not answer at the moment",
  busy: "The service is busy",
  offline: "There is no connection to the service",
};

// Whose room is used up, and what helps.
function noRoom({ field, quota, limit }) {
  const whole = limit === undefined ? "" : ` of ${size(limit)}`;
  if (field === "disk") return "The disk of the service is full. Whoever runs it has to make room";
  if (field === "uploads") return "Too many uploads are unfinished. Finish or cancel some";
  if (quota === "tenant") return `The storage${whole} of your organisation is full`;
  if (field !== "quota") return "There is no space left for it";
  return `Your storage${whole} is full. Delete files and empty the trash to make room`;
}

// A link that takes files has limits of its own.
const FULL = {
  files: "The link takes no more files",
  bytes: "The link has no room left for it",
  address: "The link takes no more files from one place today",
};

// What went wrong, as a sentence without its full stop.
export function failure(error) {
  if (error.constructor.name === "Broken" && !error.code) return FAILURES.offline;
  if (error.code === "insufficient_storage") return FULL[error.details?.field] ?? noRoom(error.details ?? {});
  if (error.code === "too_large" && error.details?.limit) return `It is too large: a file may have ${size(error.details.limit)} at most`;
  const known = FAILURES[error.code];
  if (known) return known;
  // The name of a field says little to people.
  const [, rule] = /^[\w.]+: ((?:Must|Is|Has) .*)$/.exec(error.message) ?? [];
  if (rule) return `It ${rule.charAt(0).toLowerCase()}${rule.slice(1)}`.replace(/\.$/, "");
  return error.message.charAt(0).toUpperCase() + error.message.slice(1).replace(/\.$/, "");
}

// Says something to those who hear the page instead of seeing it, and to nobody twice.
export function announce(text) {
  document.getElementById("news").textContent = text;
}
