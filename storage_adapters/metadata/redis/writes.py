"""Effects of a record's change on other keys: the lists that ``scripts/write.lua`` carries out. No I/O.

Only what differs between the old and the new record (None before the first save and after the deletion) is listed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from storage_adapters.codec import digest_bucket, digest_deltas, record_to_document
from storage_adapters.metadata.redis.keys import DIMENSIONS, FIELD_NUMBERS, Keys, place
from storage_adapters.metadata.redis.records import record_to_value, tombstone_to_value
from storage_adapters.query import index_entries
from storage_adapters.records import FileRecord, Tombstone, names_held
from storage_adapters.usage import Tally, usage_entries

_Entry = tuple[bytes, bytes]
_Name = tuple[str, str, str]  # owner, kind, name


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The keys and arguments of a write, and the names it claims in the order in which it claims them."""

    keys: list[bytes]
    arguments: list[Any]
    claims: list[_Name]


def plan_move(
    keys: Keys,
    file_id: str,
    old: FileRecord | None,
    new: FileRecord | None,
    *,
    stored: bytes | None,
    value: bytes,
    header: bytes,
    document: bytes,
    unclean: bool,
) -> Move:
    """Compute everything that follows from the change of a record; ``document`` is that of the entry in the feed."""
    names_before, names_after = _names(old), _names(new)
    given_up = names_before.keys() - names_after.keys()
    claims = [name for name in names_after if name not in names_before]
    counters = _counter_deltas(keys, old, new)
    places_before, places_after = _places(keys, old), _places(keys, new)
    left, taken = sorted(places_before - places_after), sorted(places_after - places_before)
    bucket = digest_bucket(file_id)
    return Move(
        keys=[
            keys.record(file_id),
            keys.feed,
            keys.digest,
            keys.unclean,
            keys.waiting,
            *(keys.names(kind, owner) for owner, kind, _ in (*given_up, *claims)),
            *(key for key, *_ in counters),
            *(index for index, _ in (*left, *taken)),
        ],
        arguments=[
            stored or b"",
            value,
            header,
            document,
            file_id,
            int(unclean),
            bucket,
            *digest_deltas(_document(old), None if new is None else document or _document(new)),
            len(given_up),
            len(claims),
            len(counters),
            len(left),
            len(taken),
            *(name for _, _, name in (*given_up, *claims)),
            *(value for _, *values in counters for value in values),
            *(member for _, member in (*left, *taken)),
        ],
        claims=claims,
    )


def plan_copy(
    keys: Keys, file_id: str, stored: bytes | None, old: FileRecord | None, new: FileRecord | Tombstone | None
) -> Move:
    """Compute the effects of storing a file as another store has it, None when that one never had it."""
    record, value, unclean = None, b"", False
    if isinstance(new, FileRecord):
        record, value = new, record_to_value(new)
    elif new is not None:
        value, unclean = tombstone_to_value(new), bool(new.parts)
    return plan_move(keys, file_id, old, record, stored=stored, value=value, header=b"", document=b"", unclean=unclean)


def _names(record: FileRecord | None) -> dict[_Name, None]:
    """Return the names that a record holds, in the order in which they are claimed."""
    return {} if record is None else {(record.owner, *name): None for name in names_held(record)}


def places_of(keys: Keys, record: FileRecord, fields: Collection[str]) -> set[_Entry]:
    """Return the places of a record in the indexes of these fields: key and member."""
    members: dict[str, bytes] = {}
    found = set()
    for scope, field, value in index_entries(record):
        if field in fields:
            if field not in members:
                members[field] = place(value, record.file_id)
            found.add((keys.index(scope, field), members[field]))
    return found


def _places(keys: Keys, record: FileRecord | None) -> set[_Entry]:
    if record is None:
        return set()
    found = places_of(keys, record, FIELD_NUMBERS)
    found.add((keys.bucket(digest_bucket(record.file_id)), record.file_id.encode()))
    return found


def _counter_deltas(keys: Keys, old: FileRecord | None, new: FileRecord | None) -> list[tuple[bytes, bytes, int, int]]:
    counted: defaultdict[_Entry, Tally] = defaultdict(Tally)
    for record, sign in ((old, -1), (new, 1)):
        if record is not None:
            for counter, tally in counters_of(keys, record):
                counted[counter] += Tally(files=sign * tally.files, bytes=sign * tally.bytes)
    return [(*counter, tally.files, tally.bytes) for counter, tally in counted.items() if tally != Tally()]


def counters_of(keys: Keys, record: FileRecord) -> Iterator[tuple[_Entry, Tally]]:
    """Yield the hashes and fields in which a record counts, and what it adds to each."""
    for dimension, key, tally in usage_entries(record):
        field = DIMENSIONS[dimension] + key.encode()
        yield (keys.usage(None, dimension), field), tally
        yield (keys.usage(record.owner, dimension), field), tally


def _document(record: FileRecord | None) -> bytes | None:
    return None if record is None else record_to_document(record)
