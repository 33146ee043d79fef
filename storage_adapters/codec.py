"""Stored values as JSON and back: one canonical document form, used by every store. No I/O, no rules.

1. A document has the fields of version 0.1 always and in their order, then every other field that differs from its
   default, in the order of the names; keys of JSON values are sorted. Equal values are equal bytes, and one that uses
   no later field keeps its bytes and its digest whatever fields are added.
2. A version that does not know a field keeps it (``records.Growing``) and writes the same bytes as one that does. So a
   field is added with a default, and neither its name nor the JSON form of its values is ever changed.
3. ``FIELDS_OF_0_1`` never changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

import orjson

from storage_adapters.errors import UnreadableRecord
from storage_adapters.records import (
    JSON,
    Access,
    BlobInfo,
    Failure,
    FileRecord,
    FileStatus,
    Growing,
    Lease,
    Part,
    Tombstone,
    Version,
)

DIGEST_BUCKETS = 256

# fmt: off
FIELDS_OF_0_1: dict[str, tuple[str, ...]] = {
    "FileRecord": (
        "file_id", "owner", "name", "created_at", "parts", "size", "content_type", "status", "access", "grantees",
        "alias", "tags", "meta", "temporary", "immutable", "expires_at", "upload_expires_at", "uploaded_at",
        "processed_at", "error", "lease", "request_id", "parent_id", "post_action", "revision",
    ),
    "Part": (
        "part_id", "type", "content_type", "size", "bucket", "key", "md5", "crc32c", "sha256", "generation",
        "received_at",
    ),
    "Lease": ("worker", "until"),
    "Failure": ("code", "message", "attempts"),
    "Tombstone": ("file_id", "owner", "revision", "deleted_at", "clean_after", "parts"),
    "Upload": (
        "upload_id", "owner", "created_at", "expires_at", "size", "chunk_size", "status", "received", "chunks",
        "contiguous", "sealed_at", "sha256", "md5", "details",
    ),
}
# fmt: on

T = TypeVar("T", bound=Growing)
R = TypeVar("R", bound=FileRecord)


class Form(Generic[T]):
    """The canonical form of one class. ``readers`` make values of later fields from JSON where these differ."""

    def __init__(
        self, kind: type[T], first: tuple[str, ...], readers: Mapping[str, Callable[[Any], Any]] | None = None
    ) -> None:
        self.first = first
        self._kind = kind
        self._names = frozenset(first)
        self._values_of = attrgetter(*first) if first else lambda _: ()
        self._readers = dict(readers or {})
        self._later = {
            each.name: each.default if each.default_factory is MISSING else each.default_factory()
            for each in sorted(fields(kind), key=lambda each: each.name)
            if each.name not in first and not each.name.startswith("_")
        }
        self.is_closed = not self._later

    def first_values(self, value: T) -> JSON:
        """Return the fields of version 0.1, in their order."""
        return dict(zip(self.first, self._values_of(value), strict=True))

    def later_values(self, value: T) -> JSON:
        """Return all other fields that differ from their default, in the order of the names, as plain JSON."""
        if self.is_closed and not value.unknown:
            return {}
        known = {name: found for name in self._later if (found := getattr(value, name)) != self._later[name]}
        return dict(sorted([*value.unknown, *((name, _plain(found)) for name, found in known.items())]))

    def values(self, value: T) -> Any:
        """Return what orjson turns into the canonical form, of a value whose first fields are JSON."""
        if self.is_closed and not value.unknown:
            return value
        return self.first_values(value) | _sorted(self.later_values(value))

    def build(self, first: JSON, later: JSON) -> T:
        """Make a value of its fields; those of ``first`` are no JSON any more."""
        if not later:
            return self._kind(**first)
        known = {
            name: self._readers[name](later[name]) if name in self._readers else later[name]
            for name in later.keys() & self._later.keys()
        }
        unknown = tuple(sorted((name, later[name]) for name in later.keys() - known.keys()))
        return self._kind(**first, **known, _unknown=unknown)

    def split(self, values: JSON) -> JSON:
        """Take the fields that version 0.1 does not have out of a document."""
        if len(values) == len(self.first):
            return {}
        return {name: values.pop(name) for name in values.keys() - self._names}

    def from_json(self, values: JSON) -> T:
        """Build a value whose first fields are the same in JSON; the mapping is consumed."""
        return self._kind(**values) if len(values) == len(self.first) else self.build(values, self.split(values))


def form_of(kind: type[T]) -> Form[T]:
    """Return the form of a class. One that came later has no first fields, so all that equals a default is left out."""
    return Form(kind, FIELDS_OF_0_1.get(kind.__name__, ()))


PART_FORM = form_of(Part)
LEASE_FORM = form_of(Lease)
FAILURE_FORM = form_of(Failure)
VERSION_FORM = Form(
    Version,
    (),
    {
        "derived": lambda parts: tuple(map(PART_FORM.from_json, parts)),
        "parts": lambda parts: tuple(map(PART_FORM.from_json, parts)),
    },
)
RECORD_FORM = Form(
    FileRecord,
    FIELDS_OF_0_1["FileRecord"],
    {
        "derived": lambda parts: tuple(map(PART_FORM.from_json, parts)),
        "lost_parts": tuple,
        "versions": lambda versions: tuple(map(VERSION_FORM.from_json, versions)),
    },
)
TOMBSTONE_FORM = form_of(Tombstone)


def record_to_document(record: FileRecord) -> bytes:
    """Encode a record in its canonical form: equal records are equal bytes."""
    return encode_record(record, RECORD_FORM)


def encode_record(record: R, form: Form[R]) -> bytes:
    """Encode a record of a form."""
    later = form.later_values(record)
    values = form.first_values(record) | nested_values(record)
    # orjson keeps the order of dataclasses; only these may hold keys in any order.
    for name in ("meta", "post_action"):
        if values[name]:
            values[name] = _fragment(values[name])
    return orjson.dumps(values | _sorted(later))


def nested_values(record: FileRecord) -> JSON:
    """Return what orjson turns into the canonical form of the parts, the failure and the lease of a record."""
    return {
        "parts": [PART_FORM.values(part) for part in record.parts],
        "error": None if record.error is None else FAILURE_FORM.values(record.error),
        "lease": None if record.lease is None else LEASE_FORM.values(record.lease),
    }


def record_from_document(document: bytes | str) -> FileRecord:
    """Decode a record. Raises UnreadableRecord."""
    return record_from_json(orjson.loads(document))


def record_to_json(record: FileRecord) -> JSON:
    """Return the record as plain JSON values: every field that this version knows, and no other."""
    value: JSON = orjson.loads(orjson.dumps(record, option=orjson.OPT_SORT_KEYS))
    return value


def record_from_json(value: JSON) -> FileRecord:
    """Build a record from plain JSON values, which are consumed. Raises UnreadableRecord."""
    return read_record(value, RECORD_FORM)


def read_record(value: JSON, form: Form[R]) -> R:
    """Build a record of a form from its document, which is consumed. Raises UnreadableRecord."""
    later = form.split(value)
    value["parts"] = tuple([PART_FORM.from_json(part) for part in value["parts"]])
    value["tags"] = tuple(value["tags"])
    value["grantees"] = tuple(value["grantees"])
    if value["error"] is not None:
        value["error"] = FAILURE_FORM.from_json(value["error"])
    if value["lease"] is not None:
        value["lease"] = LEASE_FORM.from_json(value["lease"])
    return build_record(value, later, form)


def build_record(first: JSON, later: JSON, form: Form[R]) -> R:
    """Make a record of its fields; the status and the access, if given, are still JSON. Raises UnreadableRecord."""
    try:
        if "status" in first:
            first["status"] = FileStatus(first["status"])
        if "access" in first:
            first["access"] = Access(first["access"])
    except ValueError:
        raise _unreadable(first, later, form) from None
    return form.build(first, later)


def _unreadable(first: JSON, later: JSON, form: Form[R]) -> UnreadableRecord:
    known: dict[str, list[Any]] = {"status": list(FileStatus), "access": list(Access)}
    strange = {name: first.pop(name) for name in known if name in first and first[name] not in known[name]}
    field, value = next(iter(strange.items()))
    return UnreadableRecord(build_record(first, later, form), field, value)


def tombstone_to_document(tombstone: Tombstone) -> bytes:
    """Encode a tombstone in its canonical form."""
    parts = [PART_FORM.values(part) for part in tombstone.parts]
    later = _sorted(TOMBSTONE_FORM.later_values(tombstone))
    return orjson.dumps(TOMBSTONE_FORM.first_values(tombstone) | {"parts": parts} | later)


def tombstone_from_document(document: bytes | str) -> Tombstone:
    """Decode a tombstone."""
    return tombstone_from_json(orjson.loads(document))


def tombstone_from_json(value: JSON) -> Tombstone:
    """Build a tombstone from plain JSON values, which are consumed."""
    value["parts"] = tuple([PART_FORM.from_json(part) for part in value["parts"]])
    return TOMBSTONE_FORM.from_json(value)


def blob_info_to_document(info: BlobInfo) -> bytes:
    """Encode what is known of a blob."""
    return orjson.dumps(info, option=orjson.OPT_SORT_KEYS)


def blob_info_from_document(document: bytes | str) -> BlobInfo:
    """Decode what is known of a blob."""
    return BlobInfo(**orjson.loads(document))


def digest_bucket(file_id: str) -> int:
    """Return the parity bucket of a file, 0 to ``DIGEST_BUCKETS`` - 1."""
    return hashlib.blake2b(file_id.encode(), digest_size=1).digest()[0]


def digest_halves(record: FileRecord) -> tuple[int, int]:
    """Return the 64-bit hash of a record as two 32-bit halves, which sum exactly in every database's numbers."""
    return _halves(record_to_document(record))


def digest_deltas(old: bytes | None, new: bytes | None) -> tuple[int, int, int]:
    """Return what a change of a document adds to the files and to both sums of its parity bucket."""
    (had, *before), (has, *after) = _counted(old), _counted(new)
    return has - had, after[0] - before[0], after[1] - before[1]


def _counted(document: bytes | None) -> tuple[int, int, int]:
    return (0, 0, 0) if document is None else (1, *_halves(document))


def _halves(document: bytes) -> tuple[int, int]:
    digest = hashlib.blake2b(document, digest_size=8).digest()
    return int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")


def _sorted(later: JSON) -> JSON:
    return {name: _fragment(value) for name, value in later.items()}


def _fragment(value: Any) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))


@cache
def _form_of_any(kind: Any) -> Form[Any]:
    return form_of(kind)


def _plain(value: Any) -> Any:
    """Return a value of a later field as plain JSON."""
    match value:
        case Growing():
            kind: Any = type(value)
            form = _form_of_any(kind)
            return {name: _plain(each) for name, each in (form.first_values(value) | form.later_values(value)).items()}
        case Mapping():
            return {name: _plain(each) for name, each in value.items()}
        case tuple() | list():
            return [_plain(each) for each in value]
    return value
