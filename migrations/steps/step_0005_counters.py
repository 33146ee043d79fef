"""Usage counters and digest, recounted from the records. Running it again repairs them.

There is nothing to revert: the previous numbers were the same, or wrong.
"""

from __future__ import annotations

from migrations.rebuild.counters import recount
from migrations.run import Run
from migrations.stores import is_rebuilt
from storage_adapters import SupportsMigrations

TITLE = "usage counters and digest, recounted"
ONLINE = True
REPAIRS = True


def applies(store: SupportsMigrations) -> bool:
    """Return True when the store maintains counters itself."""
    return is_rebuilt(store)


def up(run: Run) -> None:
    """Recount and correct."""
    assert is_rebuilt(run.store)
    recount(run, run.store, repair=True)


def down(run: Run) -> None:
    """Leave the numbers as they are."""
    run.save("kept", None)


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Recount and compare."""
    assert is_rebuilt(run.store)
    return recount(run, run.store, repair=False)
