"""Makes notifications of objects: attributes, descriptions, envelopes."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import google_crc32c

from storage_adapters import JSON

EVENT_TIME = "2026-01-01T00:00:00.000000Z"
EVENT_AT = 1_767_225_600_000


def description(key: str, content: bytes, *, bucket: str = "files", generation: int = 1, **changes: Any) -> JSON:
    """The description of an object, as the data of a notification has it; None in ``changes`` leaves a field out."""
    value = {
        "kind": "storage#object",
        "id": f"{bucket}/{key}/{generation}",
        "name": key,
        "bucket": bucket,
        "generation": str(generation),
        "metageneration": "1",
        "contentType": "application/octet-stream",
        "size": str(len(content)),
        "md5Hash": base64.b64encode(_md5(content)).decode(),
        "crc32c": base64.b64encode(google_crc32c.Checksum(content).digest()).decode(),
        "timeCreated": EVENT_TIME,
        "updated": EVENT_TIME,
        "timeFinalized": EVENT_TIME,
        "storageClass": "STANDARD",
        **changes,
    }
    return {name: each for name, each in value.items() if each is not None}


def message(resource: JSON, *, message_id: str = "1", data: bytes | None = None, **attributes: str | None) -> JSON:
    """A message about the described object; None takes an attribute away, ``data`` replaces the description."""
    given: dict[str, str | None] = {
        "bucketId": resource["bucket"],
        "objectId": resource["name"],
        "objectGeneration": resource["generation"],
        "eventType": "OBJECT_FINALIZE",
        "eventTime": EVENT_TIME,
        "payloadFormat": "JSON_API_V1",
        "notificationConfig": f"projects/_/buckets/{resource['bucket']}/notificationConfigs/1",
        **attributes,
    }
    content = json.dumps(resource).encode() if data is None else data
    return {
        "attributes": {name: value for name, value in given.items() if value is not None},
        "data": base64.b64encode(content).decode(),
        "messageId": message_id,
        "message_id": message_id,
        "publishTime": EVENT_TIME,
        "publish_time": EVENT_TIME,
    }


def wrapped(value: JSON) -> bytes:
    """The body of a push."""
    return json.dumps({"message": value, "subscription": "projects/demo/subscriptions/push"}).encode()


def unwrapped(value: JSON) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a push without an envelope."""
    headers = {
        "x-goog-pubsub-message-id": value["messageId"],
        "x-goog-pubsub-publish-time": value["publishTime"],
        "x-goog-pubsub-subscription-name": "projects/demo/subscriptions/push",
        **value["attributes"],
    }
    return base64.b64decode(value["data"]), headers


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()
