"""Messages of Google Cloud Storage, pushed, pulled or from a channel. Pure functions.

1. Only the end of an upload (``OBJECT_FINALIZE``) is a ``Finalized``; every other event is ``Ignored``.
2. Generations arrive as text and are compared as numbers.
3. An unreadable message is ``Malformed`` and is not requested again.
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
# An unwrapped push has the attributes as headers, in any case.
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
    """Not a notification; the text has the reason and nothing of the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A notification as it was delivered."""

    message_id: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized:
    """A complete object in one generation; None stands for what the notification leaves out."""

    bucket: str
    name: str
    generation: int | None
    event_at: int | None = None
    size: int | None = None
    content_type: str | None = None
    md5: str | None = None
    crc32c: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Another event, without a meaning for files."""

    event: str


def read_push(body: bytes, headers: Mapping[str, str]) -> Message:
    """Read the body of a push, wrapped or not. ``headers`` ignores the case of names. Raises Malformed."""
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
    """Read the JSON of a pushed or pulled message of Pub/Sub. Raises Malformed."""
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
    """Return the event of a message. Raises Malformed."""
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
        event_at=time_of(attributes.get("eventTime")),
    )
    return _with_resource(finalized, message.data) if message.data.strip() else finalized


def resource_of_channel(body: bytes, state: str, event_at: int | None = None) -> Finalized | Ignored:
    """Return the event of an object change notification with the ``state`` of its headers. Raises Malformed."""
    if state != "exists":
        return Ignored(state[:40])
    resource = _resource(body)
    finalized = Finalized(
        bucket=_text(resource, "bucket", MAX_BUCKET),
        name=_text(resource, "name", MAX_NAME),
        generation=_number(resource.get("generation"), "generation"),
        event_at=time_of(resource.get("updated")) if event_at is None else event_at,
    )
    return _with_resource(finalized, body)


def is_name(value: object, longest: int) -> bool:
    """Return True for text that a store can look up: a header may contain bytes that are none."""
    return isinstance(value, str) and 1 <= len(value) <= longest and _NO_TEXT.search(value) is None


def _with_resource(finalized: Finalized, data: bytes) -> Finalized:
    """Add the object's description. Raises Malformed for the description of another object."""
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
    if not isinstance(value, str) or not is_name(value, longest):
        raise Malformed(f"{name} is missing or no name")
    return value


def _number(value: Any, name: str) -> int:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or int(text) > MAX_GENERATION:
        raise Malformed(f"{name} is not a number")
    return int(text)


def time_of(value: Any) -> int | None:
    """Return an RFC 3339 time as epoch milliseconds, None for anything else: it only serves statistics."""
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
