"""The schema that the first version had: new stores get it, existing ones are adopted as they are.

Nothing lies before it: the way back takes the mark away, keeps the data, and the service refuses the store.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import SupportsMigrations

TITLE = "the first schema of each store"
ONLINE = True
REPAIRS = False


def applies(store: SupportsMigrations) -> bool:
    """Every store has a schema."""
    return True


def up(run: Run) -> None:
    """Install the schema in an empty store, mark one that has data."""
    if not run.store.schema().found:
        run.store.change_schema("1")
    run.save("marked", run.store.schema().found)


def down(run: Run) -> None:
    """Take the mark away."""
    run.store.change_schema("")
    run.save("unmarked", "")


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Look whether the mark is there, and all that it stands for."""
    found = run.store.schema().found
    if not applied:
        return [f"the data still bear the mark {found}"] if found else []
    return run.store.schema_faults() if found else ["the data bear no mark of a schema"]
