"""Descriptions of objects, as the server gives them. No I/O."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from storage_adapters.blobs.bucket_writer import CREATED_AT, WRITER
from storage_adapters.records import BlobInfo

# Metadata beside the marks of every bucket.
PLACEHOLDER = "files-placeholder"
SUMS = {"md5": "files-md5", "crc32c": "files-crc32c", "sha256": "files-sha256"}
# Names of this adapter's own objects begin so; no key does.
OWN = ".files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Object:
    """One object at one moment. ``answered_at`` is the server's time of the answer."""

    name: str
    size: int
    etag: str
    modified_at: int
    answered_at: int
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    crc32c: str | None = None

    @property
    def generation(self) -> str:
        """Identity: each writer marks its object, because the same bytes have the same ETag."""
        mark = self.metadata.get(WRITER) or str(self.modified_at)
        return hashlib.blake2b(f"{self.etag} {mark}".encode(), digest_size=16).hexdigest()

    @property
    def is_placeholder(self) -> bool:
        """True for the mark of a writer that is about to complete an object of this name."""
        return PLACEHOLDER in self.metadata

    def info(self, bucket: str, key: str) -> BlobInfo:
        """Describe the object as a blob."""
        created_at = self.metadata.get(CREATED_AT, "")
        return BlobInfo(
            bucket=bucket,
            key=key,
            size=self.size,
            content_type=self.content_type or "application/octet-stream",
            created_at=int(created_at) if created_at.isdecimal() else self.modified_at,
            generation=self.generation,
            md5=self.metadata.get(SUMS["md5"]),
            crc32c=self.metadata.get(SUMS["crc32c"]) or self.crc32c,
            sha256=self.metadata.get(SUMS["sha256"]),
        )


def object_of(name: str, answer: Mapping[str, Any]) -> S3Object:
    """Read the answer to a HEAD or GET; the size of a part is not that of the object."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    modified = answer["LastModified"]
    whole = answer.get("ContentRange", "").rpartition("/")[2]
    full = answer.get("ChecksumType") == "FULL_OBJECT" and answer.get("ChecksumCRC32C")
    return S3Object(
        name=name,
        size=int(whole) if whole.isdecimal() else answer["ContentLength"],
        etag=answer["ETag"],
        modified_at=milliseconds(modified),
        answered_at=_moment(headers.get("date", ""), modified),
        content_type=answer.get("ContentType", ""),
        metadata=answer.get("Metadata", {}),
        crc32c=hex_of(answer["ChecksumCRC32C"]) if full else None,
    )


def milliseconds(moment: datetime) -> int:
    """Return a time as epoch milliseconds."""
    return int(moment.timestamp() * 1000)


def _moment(text: str, default: datetime) -> int:
    try:
        return milliseconds(datetime.strptime(text, "%a, %d %b %Y %H:%M:%S %Z").replace(tzinfo=default.tzinfo))
    except ValueError:
        return milliseconds(default)


def hex_of(text: str) -> str:
    """Convert a base64 checksum to hex."""
    return base64.b64decode(text).hex()


def base64_of(text: str) -> str:
    """Convert a hex checksum to base64."""
    return base64.b64encode(bytes.fromhex(text)).decode()
