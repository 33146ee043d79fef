"""The document of a file: its record or tombstone, its latest change, and what the views read. No I/O.

1. ``record`` is the record as JSON, but ``meta``, ``post_action`` and ``later`` are JSON text: a server may make 1 of
   1.0. ``later`` has the fields that came after version 0.1 (see ``codec``); parts, tombstones and the like have their
   own.
2. ``index`` is worked out here, so that a view only has to emit it: see ``designs``. Documents of files without a path,
   outside the trash and without versions have no more in it than those of the first release, and no more rows in views.
   ``folders`` are the places by path, by captured time and duration, and of the trash by time, ``versions`` what former
   contents count. The scopes of the trash and of uploads of versions stand among the others. The counter of a file in
   the trash has ``~trash`` in the place of its access, that of an upload of a version ``~versions``: a release that
   does not know them takes them so.
3. ``change`` is the feed's entry of the latest write. It stays until the next one: a reader that finds that the feed
   does not say it yet, writes it there. Its ``write_id`` names the write and is a part of the entry's id, for a repair
   may take a file back to a revision that the feed has already. Earlier versions wrote none.
4. A deleted file's document has ``tombstone`` in place of the record, and the last record in ``change``.
5. A document with neither record nor tombstone is a fence: see ``names``. There is no such file.
6. Where a number is greater than 2^53, all numbers are text and ``wide`` says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from storage_adapters.codec import (
    FAILURE_FORM,
    LEASE_FORM,
    PART_FORM,
    RECORD_FORM,
    TOMBSTONE_FORM,
    Form,
    record_from_json,
    tombstone_from_json,
)
from storage_adapters.errors import UnreadableRecord
from storage_adapters.metadata.couchdb.database import new_write_id
from storage_adapters.metadata.couchdb.index import index_of
from storage_adapters.metadata.couchdb.keys import (
    document_id_of,
    hex_of,
    place_of,
)
from storage_adapters.records import (
    JSON,
    Change,
    FileRecord,
    Growing,
    Part,
    Tombstone,
)

T = TypeVar("T", bound=Growing)

_LATER = "later"
_TEXT_FIELDS = ("meta", "post_action")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Data about a write that the feed has beside the record."""

    changed_at: int
    event: str | None
    deleted: bool
    write_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Content of a file's document. ``record`` of a deleted file is its last one, None once that is forgotten."""

    document_id: str
    rev: str
    record: FileRecord | None
    tombstone: Tombstone | None
    change: Event | None

    @property
    def revision(self) -> int:
        """Revision of the file, 0 for a fence."""
        some = self.tombstone or self.record
        return some.revision if some else 0

    @property
    def entry_id(self) -> str | None:
        """Id of the feed's entry of the latest change, None for a copy."""
        if self.change is None:
            return None
        # Earlier versions take what stands before the last colon for the file's id.
        name = f"{self.document_id}:{self.revision}"
        return f"{name}-{self.change.write_id}" if self.change.write_id else name

    @property
    def living(self) -> FileRecord | None:
        """The record of a file that is not deleted."""
        return None if self.tombstone else self.record


def file_document(record: FileRecord, *, rev: str | None, change: Event | None) -> JSON:
    """Return the document of a file."""
    document = _document(record.file_id, rev, change)
    document["record"] = _record_json(record)
    document["index"] = index_of(record)
    return document


def tombstone_document(tombstone: Tombstone, *, rev: str | None, change: Event | None, last: FileRecord | None) -> JSON:
    """Return the document of a deleted file."""
    document = _document(tombstone.file_id, rev, change)
    document["tombstone"] = _growing_json(tombstone, TOMBSTONE_FORM) | {"parts": _parts_json(tombstone.parts)}
    if change is not None and last is not None:
        document["change"]["record"] = _record_json(last)
    if tombstone.parts:
        document["unclean"] = [hex_of(tombstone.file_id), place_of(tombstone.clean_after)[1]]
    return document


def entry_document(stored: Stored) -> JSON:
    """Return the entry of the feed for a file's latest change."""
    assert stored.change is not None
    assert stored.record is not None
    return {
        "changed_at": stored.change.changed_at,
        "event": stored.change.event,
        "deleted": stored.change.deleted,
        "record": _record_json(stored.record),
    }


def parse_entry(document: JSON, sequence: str) -> Change:
    """Read an entry of the feed, which is consumed."""
    if document.get("wide"):
        document = _narrowed(document)
    record = _record(document["record"])
    return Change(
        sequence=sequence,
        file_id=record.file_id,
        revision=record.revision,
        deleted=document["deleted"],
        event=document["event"],
        record=record,
        changed_at=document["changed_at"],
    )


def encode(document: JSON) -> bytes:
    """Return a document as JSON in which every server keeps every number."""
    try:
        return orjson.dumps(document, option=orjson.OPT_STRICT_INTEGER)
    except TypeError:
        return orjson.dumps(_widened(orjson.loads(orjson.dumps(document))) | {"wide": True})


def parse_document(document: JSON) -> Stored:
    """Read a document, which is consumed."""
    if document.get("wide"):
        document = _narrowed(document)
    change = document.get("change")
    tombstone = document.get("tombstone")
    record = document.get("record") or (change or {}).get("record")
    return Stored(
        document_id=document["_id"],
        rev=document["_rev"],
        record=None if record is None else _record(record),
        tombstone=None if tombstone is None else _tombstone(tombstone),
        change=None if change is None else _event(change),
    )


def correct_index(document: JSON) -> bool:
    """Correct what the views read of a file's document; return True when it was something else."""
    try:
        record = parse_document(orjson.loads(orjson.dumps(document))).record
    except UnreadableRecord:
        # The version that knows its values indexes it.
        return False
    assert record is not None
    wanted = orjson.loads(orjson.dumps(index_of(record))) | {"named_at": document["index"]["named_at"]}
    if document["index"] == wanted:
        return False
    document["index"] = wanted
    document["write_id"] = new_write_id()
    return True


def _document(file_id: str, rev: str | None, change: Event | None) -> JSON:
    document: JSON = {"_id": document_id_of(file_id), "write_id": new_write_id()}
    if rev is not None:
        document["_rev"] = rev
    if change is not None:
        document["change"] = {
            "changed_at": change.changed_at,
            "event": change.event,
            "deleted": change.deleted,
            "write_id": document["write_id"],
        }
    return document


def _event(change: JSON) -> Event:
    return Event(
        changed_at=change["changed_at"],
        event=change["event"],
        deleted=change["deleted"],
        write_id=change.get("write_id"),
    )


def _record_json(record: FileRecord) -> JSON:
    value = _growing_json(record, RECORD_FORM)
    for name in _TEXT_FIELDS:
        if value[name] is not None:
            value[name] = _text(value[name])
    value["parts"] = _parts_json(record.parts)
    value["error"] = None if record.error is None else _growing_json(record.error, FAILURE_FORM)
    value["lease"] = None if record.lease is None else _growing_json(record.lease, LEASE_FORM)
    return value


def _parts_json(parts: Iterable[Part]) -> list[JSON]:
    return [_growing_json(part, PART_FORM) for part in parts]


def _growing_json(value: T, form: Form[T]) -> JSON:
    later = form.later_values(value)
    return form.first_values(value) | ({_LATER: _text(later)} if later else {})


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _record(value: JSON) -> FileRecord:
    for name in _TEXT_FIELDS:
        if value[name] is not None:
            value[name] = orjson.loads(value[name])
    for nested in (value, *value["parts"], value["error"], value["lease"]):
        _expand(nested)
    return record_from_json(value)


def _tombstone(value: JSON) -> Tombstone:
    for nested in (value, *value["parts"]):
        _expand(nested)
    return tombstone_from_json(value)


def _expand(value: JSON | None) -> None:
    """Put the later fields where they are in the canonical form."""
    if value is not None and _LATER in value:
        value.update(orjson.loads(value.pop(_LATER)))


def _widened(value: Any) -> Any:
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case dict():
            # What the views read has numbers of their own making, which fit.
            return {name: each if name == "index" else _widened(each) for name, each in value.items()}
        case list():
            return [_widened(each) for each in value]
    return value


_NUMBERS = frozenset(
    {"size", "attempts", "revision", "until", "created_at", "expires_at", "upload_expires_at", "uploaded_at"}
    | {"processed_at", "received_at", "deleted_at", "clean_after", "changed_at", "access_epoch", "urls_expire_at"}
)


def _narrowed(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: int(each) if name in _NUMBERS and isinstance(each, str) else _narrowed(each)
                for name, each in value.items()
            }
        case list():
            return [_narrowed(each) for each in value]
    return value
