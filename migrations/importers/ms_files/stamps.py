"""Stamps of imported files, stored as ``request_id``: source, fingerprint of the source data, imported revision.

The stamp tells changes in the source from local changes, on every store, without a separate table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from storage_adapters import FileRecord, Keyspace, record_to_document

STAMP = "ms-files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """``source`` is the digest of a keyspace's name, ``fingerprint`` that of the record as imported."""

    source: str
    fingerprint: str
    revision: int

    def __str__(self) -> str:
        return f"{STAMP}:{self.source}:{self.fingerprint}:{self.revision}"


def stamp_of(record: FileRecord) -> Stamp | None:
    """Return the stamp of a record, None when it was not imported."""
    if record.request_id is None or not record.request_id.startswith(f"{STAMP}:"):
        return None
    parts = record.request_id.split(":")
    if len(parts) != 4 or not parts[3].isdecimal():
        return None
    return Stamp(source=parts[1], fingerprint=parts[2], revision=int(parts[3]))


def stamped(record: FileRecord, *, source: str) -> FileRecord:
    """Return the record to import where none exists: revision 1, with a stamp as request id."""
    fingerprint = hashlib.blake2b(record_to_document(record), digest_size=16).hexdigest()
    return replace(record, request_id=str(Stamp(source=source, fingerprint=fingerprint, revision=record.revision)))


def as_revision(record: FileRecord, revision: int) -> FileRecord:
    """Return the record to import over another one."""
    stamp = stamp_of(record)
    assert stamp is not None
    return replace(record, revision=revision, request_id=str(replace(stamp, revision=revision)))


def source_of(keyspace: Keyspace) -> str:
    """Return the digest of a keyspace's name."""
    return hashlib.blake2b(keyspace.name.encode(), digest_size=8).hexdigest()
