"""What an imported file bears as its ``request_id``: where it is from, what it was made from, as which revision.

By it every run tells a change in the source from one made here, on every store, without a table of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from storage_adapters import FileRecord, Keyspace, record_to_document

STAMP = "ms-files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """``source`` is the digest of a keyspace's name, ``fingerprint`` that of the record as it was made."""

    source: str
    fingerprint: str
    revision: int

    def __str__(self) -> str:
        return f"{STAMP}:{self.source}:{self.fingerprint}:{self.revision}"


def stamp_of(record: FileRecord) -> Stamp | None:
    """The stamp that a record bears, None when it was not imported."""
    if record.request_id is None or not record.request_id.startswith(f"{STAMP}:"):
        return None
    parts = record.request_id.split(":")
    if len(parts) != 4 or not parts[3].isdecimal():
        return None
    return Stamp(source=parts[1], fingerprint=parts[2], revision=int(parts[3]))


def stamped(record: FileRecord, *, source: str) -> FileRecord:
    """A record of revision 1 and without a request id, as it is imported where there is none yet."""
    fingerprint = hashlib.blake2b(record_to_document(record), digest_size=16).hexdigest()
    return replace(record, request_id=str(Stamp(source=source, fingerprint=fingerprint, revision=record.revision)))


def as_revision(record: FileRecord, revision: int) -> FileRecord:
    """A stamped record as it is imported over another."""
    stamp = stamp_of(record)
    assert stamp is not None
    return replace(record, revision=revision, request_id=str(replace(stamp, revision=revision)))


def source_of(keyspace: Keyspace) -> str:
    """The digest of a keyspace's name."""
    return hashlib.blake2b(keyspace.name.encode(), digest_size=8).hexdigest()
