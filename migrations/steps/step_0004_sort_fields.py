"""Sorted indexes: exactly the sort fields of this version, with correct entries.

The previous fields are noted, and going down restores them. A version that does not know a new field does not maintain
its index, so none of its processes may run: the step is offline, and due again when a version has other fields. With
the same fields it only repairs.
"""

from __future__ import annotations

import orjson

from migrations.rebuild.indexes import compare, reindex
from migrations.run import Run
from migrations.stores import is_rebuilt
from storage_adapters import JSON, SORT_FIELDS, SupportsMigrations

TITLE = "sorted indexes of all sort fields"
ONLINE = False
REPAIRS = True
DOCUMENT = "sort-fields"
_FIRST = ["created_at", "uploaded_at", "processed_at", "expires_at", "name", "size"]


def applies(store: SupportsMigrations) -> bool:
    """Return True when the store maintains indexes itself."""
    return is_rebuilt(store)


def is_due(store: SupportsMigrations) -> bool:
    """Return True when the indexed fields differ from this version's."""
    return _indexed(store) != list(SORT_FIELDS)


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Return True when the fields stay the same, so that entries are only compared and repaired."""
    wanted = list(SORT_FIELDS) if direction == "up" else notes.get("before", _FIRST)
    return _indexed(store) == list(SORT_FIELDS) == wanted


def up(run: Run) -> None:
    """Change to the fields of this version."""
    run.note("before", _indexed(run.store))
    _change(run, list(SORT_FIELDS))


def down(run: Run) -> None:
    """Restore the previous fields."""
    _change(run, run.notes.get("before", _FIRST))


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Compare every entry with its record, both ways."""
    assert is_rebuilt(run.store)
    fields = _indexed(run.store)
    if applied and fields != list(SORT_FIELDS):
        return [f"the indexed fields are {', '.join(fields)}"]
    return compare(run, run.store, [field for field in fields if field in SORT_FIELDS])


def _change(run: Run, fields: list[str]) -> None:
    assert is_rebuilt(run.store)
    # The index of a field that this version does not know cannot be built.
    reindex(run, run.store, [field for field in fields if field in SORT_FIELDS])
    stored = run.store.read_journal(DOCUMENT)
    run.store.write_journal(DOCUMENT, expected=stored, document=orjson.dumps(fields))


def _indexed(store: SupportsMigrations) -> list[str]:
    stored = store.read_journal(DOCUMENT)
    fields: list[str] = _FIRST if stored is None else orjson.loads(stored)
    return fields
