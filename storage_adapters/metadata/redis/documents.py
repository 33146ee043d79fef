"""The string under which a file is stored: rule 2 of ``keys``."""

from __future__ import annotations

import hashlib

from storage_adapters.codec import (
    record_from_document,
    record_to_document,
    tombstone_from_document,
    tombstone_to_document,
)
from storage_adapters.records import FileRecord, Tombstone

HEADER_BYTES = 24  # no revision is longer


def record_to_value(record: FileRecord) -> bytes:
    """Write a record."""
    return b"%d\n%b" % (record.revision, record_to_document(record))


def tombstone_to_value(tombstone: Tombstone) -> bytes:
    """Write a tombstone."""
    return b"x%d\n%b" % (tombstone.revision, tombstone_to_document(tombstone))


def parse_value(value: bytes) -> FileRecord | Tombstone:
    """Read either."""
    header, _, document = value.partition(b"\n")
    return tombstone_from_document(document) if header.startswith(b"x") else record_from_document(document)


def record_of(value: bytes) -> FileRecord:
    """Read a record that an index leads to."""
    return record_from_document(value.partition(b"\n")[2])


def revision_of(value: bytes) -> int:
    """The revision of a record, from the beginning of its value."""
    return int(value.partition(b"\n")[0])


def fingerprint(value: bytes | None) -> str:
    """What a script compares a stored value with; "" for none."""
    return "" if value is None else hashlib.sha1(value, usedforsecurity=False).hexdigest()
