"""Entries of the change feed: rule 9 of ``keys``. No I/O."""

from __future__ import annotations

from typing import Any

import orjson

from storage_adapters.codec import record_from_document
from storage_adapters.ports.document_codec import document_from_text
from storage_adapters.ports.documents import DocumentChange
from storage_adapters.records import Change


def entry_header(*, changed_at: int, event: str | None, deleted: bool) -> bytes:
    """Return the header of an entry: all it has beside the record."""
    return orjson.dumps([changed_at, event, deleted])


def entry_id(sequence: str) -> str:
    """Return the id of a sequence in the stream."""
    return f"0-{int(sequence)}"


def is_of_document(fields: dict[bytes, Any]) -> bool:
    """Return True when an entry is about a document."""
    return b"k" in fields


def parse_entry(entry_id: bytes, fields: dict[bytes, Any]) -> Change | DocumentChange:
    """Read an entry."""
    sequence = entry_id.decode().partition("-")[2]
    if is_of_document(fields):
        return DocumentChange(sequence=sequence, document=document_from_text(fields[b"k"]))
    changed_at, event, deleted = orjson.loads(fields[b"h"])
    record = record_from_document(fields[b"d"])
    return Change(
        sequence=sequence,
        file_id=record.file_id,
        revision=record.revision,
        deleted=deleted,
        event=event,
        record=record,
        changed_at=changed_at,
    )
