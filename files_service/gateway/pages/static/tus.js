// One attempt to send a file by tus 1.0.0. The browser reads the file: no byte of it passes through a script.

import { pace } from "./pace.js";
import { ask, Broken, Refused } from "./server.js";
import { nameOf } from "./words.js";

const SILENCE_MS = 45_000;
const VERSION = { "Tus-Resumable": "1.0.0" };
// Visitors of a link that takes files have a door of their own.
const DOOR = document.body.dataset.uploads ?? "/tus/";

// Resolves when the file is there. Throws Refused, or Broken, which is `blocked` where the server is there and takes no byte.
export async function sendByTus(upload, signal) {
  const { file } = upload;
  const response = upload.uploadId
    ? await ask("HEAD", DOOR + upload.uploadId, { headers: VERSION, signal })
    : await create(upload, signal);
  const start = offsetOf(response);
  const uploadId = upload.uploadId ?? response.headers.get("Location").split("/").pop();
  upload.begun(uploadId, start);
  for (let offset = start; offset < file.size; ) {
    try {
      offset = await append(uploadId, file, offset, signal);
    } catch (error) {
      throw error instanceof Broken && !error.code ? Object.assign(error, { blocked: offset === start }) : error;
    }
    upload.arrived(offset);
  }
  return uploadId.split("-")[0];
}

// Sends the next piece; resolves with the offset behind it.
async function append(uploadId, file, offset, signal) {
  const body = file.slice(offset, Math.min(file.size, pace.cut(offset)));
  const headers = { ...VERSION, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
  const began = performance.now();
  const tooLong = AbortSignal.timeout(SILENCE_MS);
  try {
    const both = AbortSignal.any([signal, tooLong]);
    const answer = await ask("PATCH", DOOR + uploadId, { headers, body, signal: both });
    pace.took(performance.now() - began, body.size);
    return offsetOf(answer);
  } catch (error) {
    if (!signal.aborted) await explain(error, body, performance.now() - began);
    throw error;
  }
}

// Why a piece did not arrive: the file, the pace, or somebody between us and the server.
async function explain(error, body, milliseconds) {
  try {
    await body.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refused("unreadable", "the file cannot be read any more; select it again");
  }
  if (error instanceof Broken) pace.inVain(milliseconds);
  if (error.code !== "foreign") return;
  if (error.details.status === 413) pace.tooLarge(body.size);
  throw new Broken(error.message);
}

// How many bytes of an upload have arrived from its beginning on.
export async function askOffset(uploadId) {
  return offsetOf(await ask("HEAD", DOOR + uploadId, { headers: VERSION }));
}

// The page of a network that wants a sign-in has none.
function offsetOf({ headers }) {
  const offset = headers.get("Upload-Offset");
  if (offset === null) throw new Broken("somebody else answered", "service_unavailable");
  return Number(offset);
}

// Whoever cancels an upload may leave the page in the same moment.
export async function terminate(uploadId) {
  await ask("DELETE", DOOR + uploadId, { headers: VERSION, keepalive: true });
}

function create({ file, path, versionOf, requestId }, signal) {
  const sender = document.getElementById("sender")?.value.trim();
  const said = DOOR === "/tus/" ? [`filename ${base64(nameOf(path))}`, place(path, versionOf)] : [`filename ${base64(path)}`];
  // An answer that is lost must not leave a second file: the creation is repeated under the same id.
  if (!versionOf) said.push(`request_id ${base64(requestId)}`);
  if (sender) said.push(`sender ${base64(sender)}`);
  if (file.type) said.push(`filetype ${base64(file.type)}`);
  const headers = { ...VERSION, "Upload-Length": file.size, "Upload-Metadata": said.join(",") };
  return ask("POST", DOOR, { headers, signal });
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function place(path, versionOf) {
  return versionOf ? `version_of ${base64(versionOf)}` : `path ${base64(path)}`;
}
