"""The messages of the queue door: what senders publish, and what they are answered. Pure.

Everything about a message stands in its properties and headers; the body of a chunk is its bytes and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from files_service.errors import BadRequest, FilesError, PartMismatch, TooLarge, bad_request
from files_service.services.uploads.queue_door import MAX_TOKEN
from storage_adapters import JSON

VERSION = 1
CHUNK, FINISH = "chunk", "finish"
# The broker writes these names; it writes them for a consumer of the pseudo-queue alone, which needs no declaration.
REPLY_QUEUE = "amq.rabbitmq.reply-to"
_REPLY_NAME = re.compile(r"amq\.rabbitmq\.reply-to\.[\x21-\x7e]{1,200}")
_UPLOAD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 2**53
_HEADERS = ("v", "token", "upload_id", "slice_start", "size", "sha256", "name", "attempt")


@dataclass(frozen=True, slots=True)
class Heading:
    """The upload that a message is for, and the token that permits it."""

    upload_id: str
    token: str


@dataclass(frozen=True, slots=True)
class ChunkMessage(Heading):
    """Bytes of an upload at their place, and their declared hash."""

    slice_start: int
    body: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class FinishMessage(Heading):
    """The end of the bytes, with what the sender knows of the whole."""

    sha256: str | None
    size: int | None


def reply_name(reply_to: str | None) -> str | None:
    """Return the name to which answers go; None for any name but one of direct reply-to."""
    return reply_to if reply_to is not None and _REPLY_NAME.fullmatch(reply_to) else None


def attempt_of(headers: Mapping[str, Any]) -> int:
    """Return the number of times that a message was taken up before."""
    value = headers.get("attempt")
    return value if type(value) is int and 0 <= value < 1_000 else 0


def parse(
    kind: str | None, message_id: str | None, headers: Mapping[str, Any], body: bytes, *, longest: int
) -> ChunkMessage | FinishMessage:
    """Read a message, not yet its bytes. Raises BadRequest that names the header, and TooLarge."""
    if headers.get("v") != VERSION:
        raise bad_request("v", f"Must be {VERSION}.")
    heading = _text(headers, "upload_id", _UPLOAD_ID), _text(headers, "token", None)
    if kind == FINISH:
        sha256 = _text(headers, "sha256", _SHA256) if headers.get("sha256") is not None else None
        size = _number(headers, "size") if headers.get("size") is not None else None
        if body:
            raise bad_request("body", "A finish has none.")
        return FinishMessage(*heading, sha256, size)
    if kind != CHUNK:
        raise bad_request("type", f"Must be {CHUNK} or {FINISH}.")
    return _chunk(heading, message_id, headers, body, longest)


def _chunk(
    heading: tuple[str, str], message_id: str | None, headers: Mapping[str, Any], body: bytes, longest: int
) -> ChunkMessage:
    start, size, sha256 = _number(headers, "slice_start"), _number(headers, "size"), _text(headers, "sha256", _SHA256)
    if message_id != message_id_of(heading[0], start):
        raise bad_request("message_id", "Must be <upload_id>:<slice_start>.")
    if len(body) > longest:
        raise TooLarge("a message is at most one chunk", {"field": "body", "limit": longest})
    if not body or size != len(body):
        raise bad_request("size", "Must be the number of bytes in the body, at least 1.")
    return ChunkMessage(*heading, start, body, sha256)


def require_same(message: ChunkMessage) -> None:
    """Hash the bytes of a message. Raises PartMismatch when they were altered."""
    if not hmac.compare_digest(hashlib.sha256(message.body).hexdigest(), message.sha256):
        raise PartMismatch("the bytes are not those of sha256", {"field": "sha256", "declared": message.sha256})


def message_id_of(upload_id: str, slice_start: int) -> str:
    """Return the id of the message with the bytes at a place of an upload."""
    return f"{upload_id}:{slice_start}"


def ack(slice_start: int, size: int, object_id: str, upload_size: int) -> JSON:
    """Make the answer to a chunk that is on stable storage: that of the WebSocket."""
    return {"op": "ack", "slice_start": slice_start, "size": size, "object_id": object_id, "upload_size": upload_size}


def refusal(error: FilesError) -> JSON:
    """Make the answer to a message that is refused."""
    return {"op": "error", **error.to_wire()}


def is_permanent(error: FilesError) -> bool:
    """Return True where the same message is refused again: the fault is the sender's or the owner's."""
    return error.http_status < 500 or error.http_status in (501, 507)


def known_headers(headers: Mapping[str, Any]) -> JSON:
    """Return the headers of this protocol; others are dropped."""
    return {name: headers[name] for name in _HEADERS if isinstance(headers.get(name), str | int)}


def dead_headers(headers: Mapping[str, Any], body: bytes, error: FilesError, kind: str | None, now: int) -> JSON:
    """Describe a refused message for the people who look: without its token, and without the bytes of its owner."""
    kept = known_headers(headers)
    kept.pop("token", None)
    cut = {name: value[:200] if isinstance(value, str) else value for name, value in kept.items()}
    found: JSON = {**cut, "reason": error.code, "error": str(error)[:300], "kind": (kind or "")[:40], "died_at": now}
    return {**found, "body_bytes": len(body), "body_sha256": hashlib.sha256(body).hexdigest()}


def _text(headers: Mapping[str, Any], name: str, form: re.Pattern[str] | None) -> str:
    value = headers.get(name)
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TOKEN or (form and not form.fullmatch(value)):
        raise bad_request(name, "Is missing or malformed.")
    return value


def _number(headers: Mapping[str, Any], name: str) -> int:
    value = headers.get(name)
    if type(value) is not int or not 0 <= value < _MOST_BYTES:
        raise bad_request(name, "Must be a number of bytes.")
    return value


def hostile_reply() -> BadRequest:
    """Make the error for a message whose answer would go into a queue of somebody else, or nowhere."""
    return bad_request("reply_to", f"Consume {REPLY_QUEUE} and reply to it: no other queue gets an answer.")
