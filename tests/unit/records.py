"""Records for tests of pure code."""

from __future__ import annotations

from typing import Any

from storage_adapters import FileRecord, FileStatus, Lease, Part

STATUSES = list(FileStatus)


def part(**fields: Any) -> Part:
    """A declared part of three bytes."""
    values: dict[str, Any] = {
        "part_id": "p0",
        "type": "file",
        "content_type": "text/plain",
        "size": 3,
        "bucket": "memory",
        "key": "k/f/p0",
    }
    return Part(**values | fields)


def record(**fields: Any) -> FileRecord:
    """Ann's pending file of one part."""
    values: dict[str, Any] = {
        "file_id": "F",
        "owner": "ann",
        "name": "clip.bin",
        "created_at": 1,
        "parts": (part(),),
        "size": 3,
        "content_type": "text/plain",
        "upload_expires_at": 1_000,
        "revision": 1,
    }
    return FileRecord(**values | fields)


def in_status(status: FileStatus, **fields: Any) -> FileRecord:
    """A record as it stands in this status."""
    lease = Lease(worker="w", until=9) if status is FileStatus.PROCESSING else None
    processed_at = 7 if status is FileStatus.PROCESSED else None
    return record(status=status, lease=lease, processed_at=processed_at, **fields)
