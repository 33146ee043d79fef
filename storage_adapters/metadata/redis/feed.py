"""Entries of the change feed: rule 9 of ``keys``. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from storage_adapters.codec import record_from_json
from storage_adapters.ports.document_codec import document_from_text
from storage_adapters.ports.documents import DocumentChange
from storage_adapters.records import JSON, Change


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
    if is_of_document(fields):
        return DocumentChange(sequence=sequence_of(entry_id), document=document_from_text(fields[b"k"]))
    return _change_of(entry_id, fields, orjson.loads(fields[b"d"]))


def parse_change(entry_id: bytes, fields: dict[bytes, Any], wanted: Callable[[str], bool]) -> Change | None:
    """Read an entry; None where it is not about a wanted file."""
    if is_of_document(fields):
        return None
    document = orjson.loads(fields[b"d"])
    return _change_of(entry_id, fields, document) if wanted(document["file_id"]) else None


def sequence_of(entry_id: bytes) -> str:
    """Return the sequence of an entry's id in the stream."""
    return entry_id.decode().partition("-")[2]


def _change_of(entry_id: bytes, fields: dict[bytes, Any], document: JSON) -> Change:
    changed_at, event, deleted = orjson.loads(fields[b"h"])
    record = record_from_json(document)
    return Change(
        sequence=sequence_of(entry_id),
        file_id=record.file_id,
        revision=record.revision,
        deleted=deleted,
        event=event,
        record=record,
        changed_at=changed_at,
    )
