"""Tables for chunked uploads. Going down drops them: such uploads start again.

Only SQLite needs tables; the previous version ignores them.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import SupportsMigrations

TITLE = "tables for uploads in chunks"
ONLINE = True
BACK_ONLINE = False  # this version needs the tables
REPAIRS = False
_MARK = 2


def applies(store: SupportsMigrations) -> bool:
    """Return True when the store's schema has this number."""
    return _number(store.schema().known) >= _MARK


def up(run: Run) -> None:
    """Create the tables."""
    if _number(run.store.schema().found) < _MARK:
        run.store.change_schema(str(_MARK))
    run.save("made", _MARK)


def down(run: Run) -> None:
    """Drop the tables."""
    if _number(run.store.schema().found) >= _MARK:
        run.store.change_schema(str(_MARK - 1))
    run.save("dropped", _MARK - 1)


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Check that the tables exist, or are gone."""
    found = _number(run.store.schema().found)
    if applied != (found >= _MARK):
        return [f"the schema is {found}"]
    return run.store.schema_faults() if found else []


def _number(mark: str) -> int:
    return int(mark) if mark.isdigit() else 0
