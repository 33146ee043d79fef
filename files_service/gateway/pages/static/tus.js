// One attempt to send a file by tus 1.0.0, for networks that let no WebSocket through.

import { ask, Refused } from "./server.js";
import { nameOf } from "./words.js";

const PIECE = 4 * 1024 * 1024;
const VERSION = { "Tus-Resumable": "1.0.0" };
// Visitors of a link that takes files have a door of their own.
const DOOR = document.body.dataset.uploads ?? "/tus/";

// Resolves when the file is there. Throws Broken or Refused.
export async function sendByTus(upload, signal) {
  const { file } = upload;
  const response = upload.uploadId
    ? await ask("HEAD", DOOR + upload.uploadId, { headers: VERSION, signal })
    : await create(upload, signal);
  const uploadId = upload.uploadId ?? response.headers.get("Location").split("/").pop();
  let offset = Number(response.headers.get("Upload-Offset"));
  upload.begun(uploadId, offset);
  while (offset < file.size) {
    let body;
    try {
      body = await file.slice(offset, offset + PIECE).arrayBuffer();
    } catch {
      throw new Refused("unreadable", "the file cannot be read any more; select it again");
    }
    const headers = { ...VERSION, "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
    const answer = await ask("PATCH", DOOR + uploadId, { headers, body, signal });
    offset = Number(answer.headers.get("Upload-Offset"));
    upload.arrived(offset);
  }
  return uploadId.split("-")[0];
}

// How many bytes of an upload have arrived from its beginning on.
export async function askOffset(uploadId) {
  const response = await ask("HEAD", DOOR + uploadId, { headers: VERSION });
  return Number(response.headers.get("Upload-Offset"));
}

export async function terminate(uploadId) {
  await ask("DELETE", DOOR + uploadId, { headers: VERSION });
}

function create({ file, path, versionOf }, signal) {
  const sender = document.getElementById("sender")?.value.trim();
  const said = DOOR === "/tus/" ? [`filename ${base64(nameOf(path))}`, place(path, versionOf)] : [`filename ${base64(path)}`];
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
