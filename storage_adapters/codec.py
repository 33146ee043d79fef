"""Records as JSON and back: one document form, used by every store and on the wire. No I/O, no rules."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from storage_adapters.records import (
    JSON,
    Access,
    BlobInfo,
    Failure,
    FileRecord,
    FileStatus,
    Lease,
    Part,
    Tombstone,
)

DIGEST_BUCKETS = 256


def record_to_document(record: FileRecord) -> bytes:
    """Encode a record canonically (fields in their order, keys of ``meta`` sorted): equal records are equal bytes."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def record_from_document(document: bytes | str) -> FileRecord:
    """Decode what ``record_to_document`` made."""
    return record_from_json(orjson.loads(document))


def record_to_json(record: FileRecord) -> JSON:
    """The record as plain JSON values."""
    value: JSON = orjson.loads(record_to_document(record))
    return value


def record_from_json(value: JSON) -> FileRecord:
    """Build a record from plain JSON values; the mapping is consumed."""
    value["parts"] = tuple([Part(**part) for part in value["parts"]])
    value["status"] = FileStatus(value["status"])
    value["access"] = Access(value["access"])
    value["tags"] = tuple(value["tags"])
    value["grantees"] = tuple(value["grantees"])
    if value["error"] is not None:
        value["error"] = Failure(**value["error"])
    if value["lease"] is not None:
        value["lease"] = Lease(**value["lease"])
    return FileRecord(**value)


def tombstone_to_document(tombstone: Tombstone) -> bytes:
    """Encode a tombstone in the same canonical form."""
    return orjson.dumps(tombstone, option=orjson.OPT_SORT_KEYS)


def tombstone_from_document(document: bytes | str) -> Tombstone:
    """Decode what ``tombstone_to_document`` made."""
    value: dict[str, Any] = orjson.loads(document)
    value["parts"] = tuple([Part(**part) for part in value["parts"]])
    return Tombstone(**value)


def blob_info_to_document(info: BlobInfo) -> bytes:
    """Encode what is known of a blob."""
    return orjson.dumps(info, option=orjson.OPT_SORT_KEYS)


def blob_info_from_document(document: bytes | str) -> BlobInfo:
    """Decode what ``blob_info_to_document`` made."""
    return BlobInfo(**orjson.loads(document))


def digest_bucket(file_id: str) -> int:
    """The parity bucket of a file, 0 to ``DIGEST_BUCKETS`` - 1."""
    return hashlib.blake2b(file_id.encode(), digest_size=1).digest()[0]


def digest_halves(record: FileRecord) -> tuple[int, int]:
    """The 64-bit hash of a record as two 32-bit halves, which sum exactly in every database's numbers."""
    digest = hashlib.blake2b(record_to_document(record), digest_size=8).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")
