// How sizes, times and names are said.

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
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`;
}

// Controls of direction would make a name look like another one.
export function name(text) {
  return text.replace(/\p{C}/gu, "\ufffd");
}

// Every time of a part of the page, in the reader's zone and language.
export function tellLocalTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  }
}

// Says something to those who hear the page instead of seeing it, and to nobody twice.
export function announce(text) {
  document.getElementById("news").textContent = text;
}
