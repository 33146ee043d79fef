"""The sorted indexes have the fields by which this version sorts, no others, and every place in them is right.

The fields before are noted, and the way back returns to them. A version that does not know a new field does not keep
its index, so no process of it may run: the step is offline, and to be done again as soon as a version sorts by others.
Where the fields are the same it only repairs.
"""

from __future__ import annotations

import orjson

from migrations.rebuild.indexes import compare, reindex
from migrations.run import Run
from migrations.stores import is_rebuilt
from storage_adapters import JSON, SORT_FIELDS, SupportsMigrations

TITLE = "sorted indexes of all fields that lists sort by"
ONLINE = False
REPAIRS = True
DOCUMENT = "sort-fields"
_FIRST = ["created_at", "uploaded_at", "processed_at", "expires_at", "name", "size"]


def applies(store: SupportsMigrations) -> bool:
    """Only where the store keeps indexes itself."""
    return is_rebuilt(store)


def is_due(store: SupportsMigrations) -> bool:
    """Whether the indexes are of other fields."""
    return _indexed(store) != list(SORT_FIELDS)


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Whether the fields are and stay the same, so that places are only compared and put right."""
    wanted = list(SORT_FIELDS) if direction == "up" else notes.get("before", _FIRST)
    return _indexed(store) == list(SORT_FIELDS) == wanted


def up(run: Run) -> None:
    """Go to the fields of this version."""
    run.note("before", _indexed(run.store))
    _change(run, list(SORT_FIELDS))


def down(run: Run) -> None:
    """Go back to the fields before."""
    _change(run, run.notes.get("before", _FIRST))


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Compare every place with its record, both ways."""
    assert is_rebuilt(run.store)
    fields = _indexed(run.store)
    if applied and fields != list(SORT_FIELDS):
        return [f"the indexes are of {', '.join(fields)}"]
    return compare(run, run.store, [field for field in fields if field in SORT_FIELDS])


def _change(run: Run, fields: list[str]) -> None:
    assert is_rebuilt(run.store)
    # Of a field that this version does not know it cannot build the index.
    reindex(run, run.store, [field for field in fields if field in SORT_FIELDS])
    stored = run.store.read_journal(DOCUMENT)
    run.store.write_journal(DOCUMENT, expected=stored, document=orjson.dumps(fields))


def _indexed(store: SupportsMigrations) -> list[str]:
    stored = store.read_journal(DOCUMENT)
    fields: list[str] = _FIRST if stored is None else orjson.loads(stored)
    return fields
