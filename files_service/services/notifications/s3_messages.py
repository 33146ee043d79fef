"""Messages about objects of an S3 bucket: events in the form of S3, and those of SeaweedFS's filer. Pure functions.

No ETag is taken for a checksum, and no size is believed: the bytes that are stored decide. So a message says only that
an object of a name is complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import orjson

from files_service.services.notifications.messages import (
    MAX_BUCKET,
    MAX_NAME,
    Finalized,
    Ignored,
    Malformed,
    is_name,
    time_of,
)

_CREATED = "ObjectCreated:"
_BUCKETS = "/buckets/"
# SeaweedFS tells of an object that takes a placeholder's place as of a changed one.
_WRITTEN = ("create", "update")


def read_events(body: bytes) -> list[Finalized | Ignored]:
    """Return the events of one message, of which S3 may send several at once. Raises Malformed."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Malformed("the message is not JSON") from None
    if not isinstance(message, dict):
        raise Malformed("the message is no object")
    if "event_type" in message:
        return [_of_filer(message)]
    records = message.get("Records")
    if isinstance(records, list) and records:
        return [_of_s3(record) for record in records]
    # What AWS sends when notifications are set up.
    event = message.get("Event")
    if isinstance(event, str):
        return [Ignored(event[:40])]
    raise Malformed("the message has no events")


def _of_s3(record: Any) -> Finalized | Ignored:
    event = record.get("eventName") if isinstance(record, dict) else None
    if not isinstance(event, str):
        raise Malformed("there is no eventName")
    if not event.removeprefix("s3:").startswith(_CREATED):
        return Ignored(event[:40])
    described = _mapping(record, "s3")
    name = _mapping(described, "object").get("key")
    return _finalized(
        _mapping(described, "bucket").get("name"),
        unquote_plus(name) if isinstance(name, str) else None,
        time_of(record.get("eventTime")),
    )


def _of_filer(message: Mapping[str, Any]) -> Finalized | Ignored:
    event, path = message["event_type"], message.get("key")
    if not isinstance(event, str) or not isinstance(path, str):
        raise Malformed("event_type and key are not text")
    if event not in _WRITTEN or not path.startswith(_BUCKETS):
        return Ignored(event[:40])
    bucket, _, name = path.removeprefix(_BUCKETS).partition("/")
    entry = _mapping(_mapping(message, "message"), "new_entry")
    if not name or name.startswith(".uploads/") or entry.get("is_directory"):
        return Ignored("folder")
    seconds = _mapping(entry, "attributes").get("mtime")
    return _finalized(bucket, name, seconds * 1000 if isinstance(seconds, int) else None)


def _finalized(bucket: Any, name: Any, event_at: int | None) -> Finalized:
    if not is_name(bucket, MAX_BUCKET) or not is_name(name, MAX_NAME):
        raise Malformed("bucket or key is missing or no name")
    return Finalized(bucket=bucket, name=name, generation=None, event_at=event_at)


def _mapping(source: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = source.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"{name} is missing")
    return value
