"""Effects of a record's change on the tables beside ``files``. Runs inside the transaction of the change.

Each function compares the rows of the old and the new record (None before the first save and after the deletion) and
writes only those that differ.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from storage_adapters.codec import digest_bucket, digest_deltas, record_to_document
from storage_adapters.errors import NameTaken
from storage_adapters.metadata.sqlite.schema import FIELD_NUMBERS
from storage_adapters.query import Scope, index_entries
from storage_adapters.records import FileRecord, names_held
from storage_adapters.usage import Tally, usage_entries

_SCOPE_LETTERS = {
    "all": "a",
    "owner": "o",
    "owner-tag": "t",
    "public": "p",
    "public-tag": "q",
    "status": "s",
    "trash": "x",
    "owner-trash": "y",
    "versions": "v",
    "owner-versions": "w",
}

ListingRow = tuple[str, int, bool, int | str, str]
_UsageKey = tuple[str, str, str]


class Encoded(NamedTuple):
    """A record and its document, so that neither is made of the other twice."""

    record: FileRecord
    document: bytes

    @classmethod
    def of(cls, record: FileRecord) -> Encoded:
        """Encode a record."""
        return cls(record, record_to_document(record))


def move_indexes(
    connection: sqlite3.Connection, old: Encoded | None, new: Encoded | None, *, take_over: bool = False
) -> None:
    """Move everything that follows from a record; see ``move_names`` for ``take_over``."""
    before, after = old and old.record, new and new.record
    move_names(connection, before, after, take_over=take_over)
    move_listing(connection, before, after)
    move_usage(connection, before, after)
    move_digest(connection, old, new)


@lru_cache(maxsize=1_000)
def scope_text(scope: Scope) -> str:
    """Write a scope short and without ambiguity, whatever characters its parts are made of."""
    kind, *parts = scope
    return _SCOPE_LETTERS[kind] + "".join(f"{len(part)}:{part}" for part in parts)


def move_names(
    connection: sqlite3.Connection, old: FileRecord | None, new: FileRecord | None, *, take_over: bool = False
) -> None:
    """Free the names that the record no longer has and claim the new ones; raises NameTaken.

    With ``take_over`` a name is taken from the file that has it: a copy, see ``SupportsReplication``. That file's claim
    then waits under a kind of its own, ``alias~<file_id>``, until the name is free or its record gives it up.
    """
    before, after = names_of(old), names_of(new)
    for owner, kind, name in before.keys() - after.keys():
        assert old is not None
        freed = connection.execute(
            "DELETE FROM names WHERE owner = ? AND kind = ? AND name = ? AND file_id = ?",
            (owner, kind, name, old.file_id),
        ).rowcount
        if freed:
            _hand_on(connection, owner, kind, name)
        else:
            connection.execute(
                "DELETE FROM names WHERE owner = ? AND kind = ? AND name = ? AND file_id = ?",
                (owner, f"{kind}~{old.file_id}", name, old.file_id),
            )
    if new is None:
        return
    for key in (key for key in after if key not in before):
        holder = connection.execute(
            "SELECT file_id FROM names WHERE owner = ? AND kind = ? AND name = ?", key
        ).fetchone()
        if holder is not None:
            if not take_over:
                raise NameTaken(key[1], key[2], holder[0])
            owner, kind, name = key
            connection.execute(
                "UPDATE names SET kind = ? WHERE owner = ? AND kind = ? AND name = ?",
                (f"{kind}~{holder[0]}", owner, kind, name),
            )
        connection.execute("INSERT INTO names (owner, kind, name, file_id) VALUES (?, ?, ?, ?)", (*key, new.file_id))


def is_named(connection: sqlite3.Connection, record: FileRecord) -> bool:
    """Return True when another file has a name of this record."""
    wanted = "SELECT 1 FROM names WHERE owner = ? AND kind = ? AND name = ?"
    return any(connection.execute(wanted, name).fetchone() is not None for name in names_of(record))


def _hand_on(connection: sqlite3.Connection, owner: str, kind: str, name: str) -> None:
    """Give a name that is free now to a file that waits for it."""
    waiting = connection.execute(
        "SELECT kind, file_id FROM names WHERE owner = ? AND kind > ? AND kind < ? AND name = ? LIMIT 1",
        (owner, f"{kind}~", f"{kind}\x7f", name),
    ).fetchone()
    if waiting is not None:
        connection.execute(
            "UPDATE names SET kind = ? WHERE owner = ? AND kind = ? AND name = ?", (kind, owner, waiting[0], name)
        )


def move_listing(connection: sqlite3.Connection, old: FileRecord | None, new: FileRecord | None) -> None:
    """Take the record from its old places in the sorted scopes to its new ones."""
    before, after = listing_rows(old), listing_rows(new)
    connection.executemany(
        "DELETE FROM listing WHERE scope = ? AND field = ? AND missing = ? AND value = ? AND file_id = ?",
        before - after,
    )
    connection.executemany(
        "INSERT INTO listing (scope, field, missing, value, file_id) VALUES (?, ?, ?, ?, ?)", after - before
    )


def move_usage(connection: sqlite3.Connection, old: FileRecord | None, new: FileRecord | None) -> None:
    """Count the record where it is now instead of where it was."""
    counted: defaultdict[_UsageKey, Tally] = defaultdict(Tally)
    for record, sign in ((old, -1), (new, 1)):
        for key, tally in _counters(record):
            counted[key] += Tally(files=sign * tally.files, bytes=sign * tally.bytes)
    moved = [(*key, tally.files, tally.bytes) for key, tally in counted.items() if tally != Tally()]
    connection.executemany(
        "INSERT INTO usage (scope, dimension, key, files, bytes) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET files = files + excluded.files, bytes = bytes + excluded.bytes",
        moved,
    )
    emptied = [row[:3] for row in moved if row[3] < 0]
    connection.executemany("DELETE FROM usage WHERE scope = ? AND dimension = ? AND key = ? AND files = 0", emptied)


def move_digest(connection: sqlite3.Connection, old: Encoded | None, new: Encoded | None) -> None:
    """Take the old record out of its parity bucket and put the new one in."""
    files, high, low = digest_deltas(old and old.document, new and new.document)
    some = old or new
    if some is not None:
        connection.execute(
            "INSERT INTO digest (bucket, files, high, low) VALUES (?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET files = files + excluded.files, high = high + excluded.high,"
            " low = low + excluded.low",
            (digest_bucket(some.record.file_id), files, high, low),
        )


def names_of(record: FileRecord | None) -> dict[tuple[str, str, str], None]:
    """Return the names that a record holds, in the order in which they are claimed: owner, kind, name."""
    return {} if record is None else {(record.owner, *name): None for name in names_held(record)}


def listing_rows(record: FileRecord | None) -> set[ListingRow]:
    """Return all places of a record in the sorted scopes."""
    if record is None:
        return set()
    return {
        (scope_text(scope), FIELD_NUMBERS[field], value is None, 0 if value is None else value, record.file_id)
        for scope, field, value in index_entries(record)
    }


def usage_scope(dimension: str, owner: str | None) -> str:
    """Return the scope of an owner's counters of a dimension, or of everybody's."""
    if dimension in ("trash", "versions"):
        return scope_text((dimension,) if owner is None else (f"owner-{dimension}", owner))
    return scope_text(("all",) if owner is None else ("owner", owner))


def _counters(record: FileRecord | None) -> Iterator[tuple[_UsageKey, Tally]]:
    if record is not None:
        for dimension, key, tally in usage_entries(record):
            for owner in (None, record.owner):
                yield (usage_scope(dimension, owner), dimension, key), tally
