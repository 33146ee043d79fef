"""Upload rules: from a declaration to a pending record, and from received bytes to a complete one. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from files_service.domain.lifecycle import AllPartsReceived, advance
from storage_adapters import BlobInfo, FileRecord, FileStatus, Part

CHECKSUMS = ("md5", "crc32c", "sha256")
_GROWTH = 1.25
URLS_SLACK_MS = 900_000


# A ULID, or the UUID of an imported file.
FILE_ID = r"(?:[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"


def owner_segment(owner: str) -> str:
    """Return the first segment of an owner's keys: a hash, because an owner may be any text."""
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def part_key(owner: str, file_id: str, part_id: str) -> str:
    """Return the key of a part's blob: ``<hash of owner>/<file_id>/<part_id>``."""
    return f"{owner_segment(owner)}/{file_id}/{part_id}"


def names_in_key(key: str) -> tuple[str, str] | None:
    """Return the file id and part id in a key, or None when the key is not one of ours."""
    segments = key.split("/")
    if len(segments) != 3 or len(segments[0]) != 32:
        return None
    return segments[1], segments[2]


def declared_parts(owner: str, file_id: str, bucket: str, parts: Sequence[Mapping[str, Any]]) -> tuple[Part, ...]:
    """Name the parts of a new upload ``p0``, ``p1``, … and give each its key."""
    return tuple(
        Part(part_id=f"p{index}", bucket=bucket, key=part_key(owner, file_id, f"p{index}"), **part)
        for index, part in enumerate(parts)
    )


def same_declaration(one: FileRecord, other: FileRecord) -> bool:
    """Return True when two records declare the same bytes, so that the second request is a repeat of the first."""
    same_length = len(one.parts) == len(other.parts)
    same_target = (one.parent_id, one.version_of) == (other.parent_id, other.version_of)
    return same_target and same_length and all(map(_same_part, one.parts, other.parts))


def _same_part(one: Part, other: Part) -> bool:
    if (one.type, one.content_type, one.size) != (other.type, other.content_type, other.size):
        return False
    # A checksum may have been added since; only two different checksums conflict.
    pairs = [(getattr(one, name), getattr(other, name)) for name in CHECKSUMS]
    return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


def prolong(record: FileRecord, until: int) -> FileRecord:
    """Extend a pending upload until its newest URLs expire."""
    if record.status is not FileStatus.PENDING or until <= (record.upload_expires_at or 0):
        return record
    return replace(record, upload_expires_at=until)


def with_urls(record: FileRecord, until: int, *, now: int) -> FileRecord:
    """Return a pending record with upload URLs handed out that expire then; call it before they are handed out."""
    if record.status is not FileStatus.PENDING or record.urls_expire_at is None or until <= record.urls_expire_at:
        return record
    # More than asked for: a call that is repeated soon after does not write again.
    return replace(record, urls_expire_at=until + min(URLS_SLACK_MS, until - now))


def clean_after(record: FileRecord, *, now: int, session_ms: int) -> int:
    """Return the time from which no upload URL can bring bytes of a record that is deleted at ``now``.

    ``session_ms`` is the lifetime of the store's resumable uploads.
    """
    until = record.urls_expire_at
    if until is None:
        # An earlier version made the record, and no session that it started can outlive this.
        until = (record.upload_expires_at or 0) + session_ms
    # Later than the deletion: equal times say that the blobs are kept.
    return max(now + 1, until)


def find_part(record: FileRecord, part_id: str) -> Part | None:
    """Return the part with this id, or None."""
    return next((part for part in record.parts if part.part_id == part_id), None)


def is_due(created_at: int, *, looked_at: int, now: int, grace: int) -> bool:
    """Return True when it is time to check for unreported bytes: at ages that grow by a quarter each time."""
    if looked_at < created_at + grace:
        return True

    def level(at: int) -> int:
        return math.floor(math.log(max(1.0, (at - created_at) / max(1, grace)), _GROWTH))

    return level(now) > level(looked_at)


def mismatch(part: Part, info: BlobInfo) -> tuple[str, object, object] | None:
    """Return the first difference between blob and declaration: field, declared, actual.

    Processing computes checksums that the store does not report.
    """
    if part.size != info.size:
        return "size", part.size, info.size
    for name in CHECKSUMS:
        declared, actual = getattr(part, name), getattr(info, name)
        if declared is not None and actual is not None and declared != actual:
            return name, declared, actual
    return None


def receive_part(record: FileRecord, part: Part, info: BlobInfo, *, now: int, crc32: str | None = None) -> FileRecord:
    """Mark a part as received; the last part completes the upload. A part received before changes nothing.

    Completion does not depend on the order of calls: any call completes a pending record without missing parts.
    """
    current = find_part(record, part.part_id)
    if record.status is not FileStatus.PENDING or current is None:
        return record
    if current.received_at is None:
        known = {name: getattr(info, name) or getattr(current, name) for name in CHECKSUMS}
        known["crc32"] = crc32 or current.crc32
        received = replace(current, size=info.size, generation=info.generation, received_at=now, **known)
        parts = tuple(received if each is current else each for each in record.parts)
        record = replace(record, parts=parts)
    return record if record.missing_parts else advance(record, AllPartsReceived(), now=now)
