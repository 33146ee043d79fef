"""The schema of the first version: new stores get it, existing ones are marked.

Going down removes the mark and keeps the data; the service then refuses the store.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import SupportsMigrations

TITLE = "the first schema of each store"
ONLINE = True
REPAIRS = True


def applies(store: SupportsMigrations) -> bool:
    """Return True: every store has a schema."""
    return True


def up(run: Run) -> None:
    """Install the schema in an empty store, or mark a store with data."""
    if not run.store.schema().found:
        run.store.change_schema("1")
    run.save("marked", run.store.schema().found)


def repair(run: Run) -> None:
    """Make again what is lost and can be made."""
    run.save("repaired", run.store.repair_schema())


def down(run: Run) -> None:
    """Remove the mark."""
    run.store.change_schema("")
    run.save("unmarked", "")


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Check the mark and the schema that it stands for."""
    found = run.store.schema().found
    if not applied:
        return [f"the data still have the mark {found}"] if found else []
    return run.store.schema_faults() if found else ["the data have no schema mark"]
