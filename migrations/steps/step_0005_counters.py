"""Usage counters and parity sums are those of the records. Run again, it is the repair after a damage.

There is nothing to take back: the numbers before were the same, or wrong.
"""

from __future__ import annotations

from migrations.rebuild.counters import recount
from migrations.run import Run
from migrations.stores import is_rebuilt
from storage_adapters import SupportsMigrations

TITLE = "usage counters and digest as the records say"
ONLINE = True
REPAIRS = True


def applies(store: SupportsMigrations) -> bool:
    """Only where the store keeps counters itself."""
    return is_rebuilt(store)


def up(run: Run) -> None:
    """Count anew and put right."""
    assert is_rebuilt(run.store)
    recount(run, run.store, repair=True)


def down(run: Run) -> None:
    """Leave the numbers as they are."""
    run.save("kept", None)


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Count anew and compare."""
    assert is_rebuilt(run.store)
    return recount(run, run.store, repair=False)
