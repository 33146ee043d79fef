"""The messages of ``files-upload.v1``. Pure.

Text frames are JSON objects with an ``op``; a binary frame is an offset of 8 bytes (big-endian) before the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from files_service.errors import BadRequest, FilesError, TooLarge
from files_service.services.uploads.session import Beginning
from storage_adapters import JSON

PROTOCOL = "files-upload.v1"
OFFSET_BYTES = 8
MAX_TEXT_BYTES = 64 * 1024
_START = {
    "op",
    "token",
    "upload_id",
    "name",
    "path",
    "on_conflict",
    "size",
    "mime_type",
    "access",
    "tags",
    "meta",
    "md5",
    "sha256",
    "version_of",
    "label",
    "request_id",
}
_FINISH = {"op", "sha256", "size"}
_SHOW = {"op", "start"}


@dataclass(frozen=True, slots=True)
class Start:
    """Begin or continue an upload."""

    token: str | None
    upload_id: str | None
    said: JSON

    def beginning(self, owner: str) -> Beginning:
        """Return the upload to begin; the service checks its values."""
        said = self.said
        if said.get("size") is None and "size" in said:
            raise wrong("size", "Leave it out where it is not known.")
        tags = said.get("tags")
        return Beginning(
            owner=owner,
            size=said.get("size"),
            name=said.get("name", "file"),
            content_type=said.get("mime_type") or None,
            access=said.get("access"),
            tags=tuple(tags) if isinstance(tags, list) else (tags,) if tags is not None else (),
            meta=said.get("meta") or {},
            md5=said.get("md5"),
            sha256=said.get("sha256"),
            path=said.get("path"),
            on_conflict=said.get("on_conflict"),
            version_of=said.get("version_of"),
            label=said.get("label"),
            request_id=said.get("request_id"),
        )


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the bytes, with their SHA-256 and their number if the client knows them."""

    sha256: str | None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class ShowManifest:
    """A request for a further page of the manifest."""

    start: int


def wrong(field: str, message: str) -> BadRequest:
    """Make the error that names one wrong field."""
    return BadRequest(f"{field}: {message}", {"fields": {field: [message]}})


def parse(text: str) -> Start | Finish | ShowManifest:
    """Read a text frame. Raises BadRequest, and TooLarge for a long one."""
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise TooLarge("the message is too long", {"field": "message", "limit": MAX_TEXT_BYTES})
    try:
        message: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise wrong("message", f"Must be a JSON object of at most {MAX_TEXT_BYTES} bytes.")
    match message.get("op"):
        case "start":
            _require_known(message, _START)
            _require_text(message, "token", "upload_id")
            if not isinstance(message.get("meta", {}), dict):
                raise wrong("meta", "Must be a JSON object.")
            return Start(message.get("token"), message.get("upload_id"), message)
        case "finish":
            _require_known(message, _FINISH)
            _require_text(message, "sha256")
            sha256 = message.get("sha256")
            if sha256 is not None and (len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef")):
                raise wrong("sha256", "Must be 64 hexadecimal digits.")
            return Finish(sha256.lower() if sha256 else None, _bytes_in(message, "size"))
        case "manifest":
            _require_known(message, _SHOW)
            return ShowManifest(_bytes_in(message, "start") or 0)
    raise wrong("op", "Must be start, manifest or finish.")


def split(frame: bytes) -> tuple[int, memoryview]:
    """Read a binary frame. Raises BadRequest."""
    if len(frame) <= OFFSET_BYTES:
        raise wrong("frame", "Must be an offset of 8 bytes and at least one byte.")
    return int.from_bytes(frame[:OFFSET_BYTES], "big"), memoryview(frame)[OFFSET_BYTES:]


def error_message(error: FilesError) -> JSON:
    """Return the message about an error."""
    return {"op": "error", **error.to_wire()}


def _require_known(message: JSON, known: set[str]) -> None:
    for name in message:
        if name not in known:
            raise wrong(name[:100], "Unknown field.")


def _bytes_in(message: JSON, name: str) -> int | None:
    value = message.get(name)
    if value is not None and (type(value) is not int or not 0 <= value < 2**53):
        raise wrong(name, "Must be a number of bytes.")
    return value


def _require_text(message: JSON, *names: str) -> None:
    for name in names:
        if message.get(name) is not None and not isinstance(message[name], str):
            raise wrong(name, "Must be text.")
