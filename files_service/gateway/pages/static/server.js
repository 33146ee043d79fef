// The addresses of the server, and the two ways in which a request fails.

export const base = document.body.dataset.base;
export const viewer = document.body.dataset.viewer;

// The server has decided: trying again changes nothing.
export class Refused extends Error {
  constructor(code, message, details = {}) {
    super(message);
    Object.assign(this, { code, details });
  }
}

// Nobody answered, or not to the end: to be tried again. `code` is there when the server said so itself.
export class Broken extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

const UNTIL_LATER = new Set(["busy", "service_unavailable", "storage_unavailable", "internal_error", "conflict"]);

export function failureOf(code, message, details) {
  const isAccess = code === "unauthorized" || (code === "gone" && document.body.dataset.uploads);
  if (isAccess) document.dispatchEvent(new Event("refused"));
  return UNTIL_LATER.has(code) ? new Broken(message, code) : new Refused(code, message, details);
}

// The JSON of an address; else as `ask`.
export async function read(path) {
  return (await ask("GET", path)).json();
}

// Sends JSON; else as `ask`.
export async function tell(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  const response = await ask(method, path, { headers, body: JSON.stringify(body) });
  return response.status === 204 ? undefined : response.json();
}

// Somebody else may have signed in in this browser: what is done here is not done to their files.
export const OURS = viewer ? { "X-Files-Viewer": encodeURIComponent(viewer) } : {};

// A request whose answer is a success; else Refused or Broken is thrown. With keepalive it survives the page.
export async function ask(method, path, { headers = {}, body, signal, keepalive = false } = {}) {
  let response;
  try {
    response = await fetch(base + path, { method, headers: { ...OURS, ...headers }, body, signal, keepalive });
  } catch (error) {
    throw new Broken(error.message);
  }
  if (response.ok) return response;
  let found = {};
  try {
    found = (await response.json()).error ?? {};
  } catch {
    // An answer without a body, as to HEAD, or of somebody in between.
  }
  const code = found.code ?? { 401: "unauthorized", 404: "not_found", 408: "busy", 410: "gone", 429: "busy" }[response.status];
  const message = found.message ?? `the server answered ${response.status}`;
  if (code === undefined && response.status >= 500) throw new Broken(message, "service_unavailable");
  // An answer that is none of ours.
  throw failureOf(code ?? "foreign", message, found.details ?? { status: response.status });
}
