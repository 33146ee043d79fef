"""The string under which a file is stored: rules 2 and 3 of ``keys``. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

import orjson

from storage_adapters.codec import (
    FAILURE_FORM,
    LEASE_FORM,
    PART_FORM,
    RECORD_FORM,
    TOMBSTONE_FORM,
    build_record,
    nested_values,
)
from storage_adapters.errors import StorageUnavailable
from storage_adapters.records import JSON, FileRecord, Part, Tombstone

HEADER_BYTES = 24  # no revision is longer

# Stored, so never changed: later fields stand by name in a second list, see rule 3 of ``keys``. What is often missing
# stands at the end, where it takes no room. A default of FileRecord is stored as null and thereby a part of the layout.
PART_FIELDS = (
    "part_id",
    "type",
    "content_type",
    "size",
    "bucket",
    "key",
    "received_at",
    "generation",
    "md5",
    "crc32c",
    "sha256",
)
RECORD_FIELDS = (
    "owner",
    "name",
    "created_at",
    "parts",
    "size",
    "content_type",
    "status",
    "access",
    "uploaded_at",
    "processed_at",
    "meta",
    "tags",
    "upload_expires_at",
    "request_id",
    "alias",
    "temporary",
    "expires_at",
    "grantees",
    "immutable",
    "parent_id",
    "error",
    "lease",
    "post_action",
)
_PARTS, _ERROR, _LEASE = (RECORD_FIELDS.index(name) for name in ("parts", "error", "lease"))
_JSON = tuple(RECORD_FIELDS.index(name) for name in ("meta", "post_action"))
TOMBSTONE_FIELDS = ("owner", "deleted_at", "clean_after", "parts")

_EMPTY = {
    field.name: field.default if field.default_factory is MISSING else field.default_factory()
    for field in fields(FileRecord)
}


def record_to_value(record: FileRecord) -> bytes:
    """Write a record."""
    values = [None if (value := getattr(record, name)) == _EMPTY[name] else value for name in RECORD_FIELDS]
    values[_PARTS] = _parts(record.parts)
    if record.error is not None or record.lease is not None:
        nested = nested_values(record)
        values[_ERROR], values[_LEASE] = nested["error"], nested["lease"]
    later = RECORD_FORM.later_values(record)
    try:
        document = orjson.dumps(_with_later(_shortened(values), later))
    except TypeError:
        # The encoder counts levels: what a record can hold must not depend on what it is nested in.
        for place in _JSON:
            if place < len(values) and values[place] is not None:
                values[place] = orjson.Fragment(orjson.dumps(values[place]))
        document = orjson.dumps(_with_later(_shortened(values), later))
    return b"%d\n%b" % (record.revision, document)


def tombstone_to_value(tombstone: Tombstone) -> bytes:
    """Write a tombstone."""
    values = [tombstone.owner, tombstone.deleted_at, tombstone.clean_after, _parts(tombstone.parts)]
    return b"x%d\n%b" % (tombstone.revision, orjson.dumps(_with_later(values, TOMBSTONE_FORM.later_values(tombstone))))


def parse_value(file_id: str, value: bytes) -> FileRecord | Tombstone:
    """Read a record or a tombstone. Raises UnreadableRecord, and StorageUnavailable for what is neither."""
    try:
        return _tombstone(file_id, value) if is_tombstone(value) else _record(file_id, value)
    except (TypeError, ValueError) as error:
        raise _foreign(file_id) from error


def record_of(file_id: str, value: bytes | None) -> FileRecord:
    """Read the record that an index leads to. Raises StorageUnavailable when there is none."""
    found = None if value is None else parse_value(file_id, value)
    if isinstance(found, FileRecord):
        return found
    # No write leaves it so, and a lost file is not ignored in silence.
    raise StorageUnavailable(
        f"redis: an index has file {file_id!r} and there is no record of it: `files migrate repair`"
    )


def is_tombstone(value: bytes) -> bool:
    """Return True when a value, or its beginning, is a tombstone's."""
    return value.startswith(b"x")


def _tombstone(file_id: str, value: bytes) -> Tombstone:
    header, _, document = value.partition(b"\n")
    known, later = _named(TOMBSTONE_FIELDS, orjson.loads(document))
    return TOMBSTONE_FORM.build({"file_id": file_id, "revision": int(header[1:]), **known}, later)


def _record(file_id: str, value: bytes) -> FileRecord:
    header, _, document = value.partition(b"\n")
    known, later = _named(RECORD_FIELDS, orjson.loads(document))
    for name in ("tags", "grantees"):
        if name in known:
            known[name] = tuple(known[name])
    if "error" in known:
        known["error"] = FAILURE_FORM.from_json(known["error"])
    if "lease" in known:
        known["lease"] = LEASE_FORM.from_json(known["lease"])
    return build_record({"file_id": file_id, "revision": int(header), **known}, later, RECORD_FORM)


def revision_of(file_id: str, value: bytes) -> int:
    """Return the revision of a record, from the beginning of its value. Raises as ``parse_value``."""
    try:
        return int(value.partition(b"\n")[0])
    except ValueError as error:
        raise _foreign(file_id) from error


def _foreign(file_id: str) -> StorageUnavailable:
    return StorageUnavailable(f"redis: what is stored of file {file_id!r} does not belong to this store")


def _parts(parts: Iterable[Part]) -> list[list[Any]]:
    return [
        _with_later(_shortened([getattr(part, name) for name in PART_FIELDS]), PART_FORM.later_values(part))
        for part in parts
    ]


def _shortened(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def _with_later(values: list[Any], later: JSON) -> list[Any]:
    """Put later fields beside the others: a version that knows no later fields fails to read that, and loses none."""
    return [values, orjson.Fragment(orjson.dumps(later, option=orjson.OPT_SORT_KEYS))] if later else values


def _named(names: tuple[str, ...], values: list[Any]) -> tuple[JSON, JSON]:
    """Return the stored values by name, and the later fields."""
    later: JSON = {}
    if isinstance(values[0], list):
        values, later = values
    known = {name: value for name, value in zip(names, values, strict=False) if value is not None}
    if "parts" in known:
        known["parts"] = tuple([PART_FORM.build(*_named(PART_FIELDS, part)) for part in known["parts"]])
    return known, later
