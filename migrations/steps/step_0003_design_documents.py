"""The design documents of this version, built before anybody reads them.

They are named after their content, so a changed one is built beside the one that processes of the version before read
on. The swap is the start of the new version, which finds its own built; as soon as a version needs another one, the
step is to be done again. The way back drops what was added, ``repair`` what no version in use needs any more: run it
when all processes are of this version.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import JSON, SupportsDesigns, SupportsMigrations

TITLE = "design documents, built beside those in use"
ONLINE = True
BACK_ONLINE = False  # this version reads what is dropped
REPAIRS = True


def applies(store: SupportsMigrations) -> bool:
    """Only where the database derives the indexes."""
    return isinstance(store, SupportsDesigns)


def is_due(store: SupportsMigrations) -> bool:
    """Whether this version needs one that is not there."""
    return isinstance(store, SupportsDesigns) and bool(store.designs()[0])


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Whether the way back drops nothing."""
    return direction == "down" and isinstance(store, SupportsDesigns) and not _added(store, notes)


def up(run: Run) -> None:
    """Install and build what is missing, one index after the other, then say that all are built.

    Many at once would take the processors from the lists.
    """
    store = _store(run)
    missing, installed, _ = store.designs()
    run.note("before", installed)
    for number, name in enumerate(sorted(missing + installed)):
        # As often as the server answers "not yet": it goes on building while nobody waits.
        while not store.build_design(name):
            run.save("building", number)
        run.save("building", number + 1)
    store.mark_designs(built=True)


def down(run: Run) -> None:
    """Drop what was added; what was there before is still in use, or stands beside."""
    store = _store(run)
    added = _added(store, run.notes)
    if added:
        store.mark_designs(built=False)
    store.drop_designs(added)
    run.save("dropped", len(added))


def repair(run: Run) -> None:
    """Install and build what is missing, drop what this version does not need."""
    up(run)
    store = _store(run)
    store.drop_designs(store.designs()[2])


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Look which are missing, or were left behind by the way back."""
    if applied:
        return [f"design document {name} is missing" for name in _store(run).designs()[0]]
    return [f"design document {name} is still there" for name in _added(_store(run), run.notes)]


def _added(store: SupportsDesigns, notes: JSON) -> list[str]:
    installed = store.designs()[1]
    before = notes.get("before", installed)
    return [name for name in installed if name not in before]


def _store(run: Run) -> SupportsDesigns:
    assert isinstance(run.store, SupportsDesigns)
    return run.store
