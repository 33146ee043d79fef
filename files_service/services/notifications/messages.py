"""What a notification of Google Cloud Storage says, whichever way it came. No I/O, no clock, no stores.

1. Only the end of an upload (``OBJECT_FINALIZE``) is a ``Finalized``; every other event is ``Ignored``.
2. Generations are numbers and are compared as such; they come as text.
3. What cannot be read is ``Malformed``: it would be no better the next time, so nobody asks for it again.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

FINALIZED = "OBJECT_FINALIZE"
# Header names of an unwrapped push are those of the attributes, in any case.
ATTRIBUTES = (
    "bucketId",
    "objectId",
    "objectGeneration",
    "eventType",
    "eventTime",
    "payloadFormat",
    "overwroteGeneration",
    "overwrittenByGeneration",
)
MESSAGE_ID_HEADER = "x-goog-pubsub-message-id"
MAX_NAME = 1_024
MAX_BUCKET = 255
MAX_GENERATION = 2**63 - 1
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


class Malformed(Exception):
    """Not a notification: the text says why, and repeats nothing of what came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A notification as it was delivered."""

    message_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """An object is complete in one generation; None = the notification does not say."""

    bucket: str
    name: str
    generation: int
    event_at: int | None = None
    size: int | None = None
    content_type: str | None = None
    md5: str | None = None
    crc32c: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Something else happened, which is nothing to a file."""

    event: str


def read_push(body: bytes, headers: Mapping[str, str]) -> Message:
    """Read the body of a push, wrapped or not. ``headers`` knows names in any case. Raises Malformed."""
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError:
        envelope = None
    if isinstance(envelope, dict) and isinstance(envelope.get("message"), dict):
        return message_of(envelope["message"])
    if MESSAGE_ID_HEADER in headers:
        attributes = {name: headers[name] for name in ATTRIBUTES if name in headers}
        return Message(message_id=headers[MESSAGE_ID_HEADER], attributes=attributes, data=body)
    raise Malformed("neither a wrapped message nor an unwrapped one")


def message_of(value: Mapping[str, Any]) -> Message:
    """Read a message as Pub/Sub has it in JSON, pushed or pulled. Raises Malformed."""
    attributes = value.get("attributes") or {}
    if not isinstance(attributes, dict) or not all(isinstance(each, str) for each in attributes.values()):
        raise Malformed("the attributes are not text")
    message_id = value.get("messageId") or value.get("message_id") or ""
    data = value.get("data") or ""
    if not isinstance(message_id, str) or not isinstance(data, str):
        raise Malformed("messageId and data are not text")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("the data is not base64") from None
    return Message(message_id=message_id, attributes=attributes, data=content)


def meaning(message: Message) -> Finalized | Ignored:
    """Tell what happened. Raises Malformed."""
    attributes = message.attributes
    event = attributes.get("eventType")
    if not event:
        raise Malformed("there is no eventType")
    if event != FINALIZED:
        return Ignored(event[:40])
    finalized = Finalized(
        bucket=_text(attributes, "bucketId", MAX_BUCKET),
        name=_text(attributes, "objectId", MAX_NAME),
        generation=_number(attributes.get("objectGeneration"), "objectGeneration"),
        event_at=_time(attributes.get("eventTime")),
    )
    return _with_resource(finalized, message.data) if message.data.strip() else finalized


def resource_of_channel(body: bytes, state: str, event_at: int | None = None) -> Finalized | Ignored:
    """Tell what an object change notification says: ``state`` is that of its headers. Raises Malformed."""
    if state != "exists":
        return Ignored(state[:40])
    resource = _resource(body)
    finalized = Finalized(
        bucket=_text(resource, "bucket", MAX_BUCKET),
        name=_text(resource, "name", MAX_NAME),
        generation=_number(resource.get("generation"), "generation"),
        event_at=_time(resource.get("updated")) if event_at is None else event_at,
    )
    return _with_resource(finalized, body)


def _with_resource(finalized: Finalized, data: bytes) -> Finalized:
    """Add what the object's own description says; one of another object makes no sense of either."""
    resource = _resource(data)
    named = (resource.get("bucket"), resource.get("name"), _number(resource.get("generation"), "generation"))
    if named != (finalized.bucket, finalized.name, finalized.generation):
        raise Malformed("attributes and data name different objects")
    content_type = resource.get("contentType")
    return Finalized(
        bucket=finalized.bucket,
        name=finalized.name,
        generation=finalized.generation,
        event_at=finalized.event_at,
        size=_number(resource["size"], "size") if "size" in resource else None,
        content_type=content_type if isinstance(content_type, str) else None,
        md5=_checksum(resource.get("md5Hash"), 16),
        crc32c=_checksum(resource.get("crc32c"), 4),
    )


def _resource(data: bytes) -> dict[str, Any]:
    try:
        resource = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Malformed("the data is not JSON") from None
    if not isinstance(resource, dict):
        raise Malformed("the data is not an object's description")
    return resource


def _text(source: Mapping[str, Any], name: str, longest: int) -> str:
    value = source.get(name)
    # A header may hold bytes that are no text, which no store could look for.
    if not isinstance(value, str) or not 1 <= len(value) <= longest or _NO_TEXT.search(value):
        raise Malformed(f"{name} is missing or no name")
    return value


def _number(value: Any, name: str) -> int:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > MAX_GENERATION:
        raise Malformed(f"{name} is not a number")
    return int(text)


def _time(value: Any) -> int | None:
    """Milliseconds since the epoch of a time as RFC 3339 has it; None when it is none, for it serves statistics."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return int(moment.timestamp() * 1000) if moment.tzinfo is not None else None


def _checksum(value: Any, length: int) -> str | None:
    if value is None:
        return None
    try:
        digest = base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        digest = b""
    if len(digest) != length:
        raise Malformed("a checksum is not one")
    return digest.hex()
