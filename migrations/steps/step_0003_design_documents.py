"""Design documents of this version, built before they are read.

Their names contain a hash of their content, so a changed one is built beside the one that the previous version still
reads. Starting the new version is the swap; the step is due again when a version needs another document. Going down
drops the added ones, ``repair`` those that no running version needs: run it when all processes have this version.
"""

from __future__ import annotations

from migrations.run import Run
from storage_adapters import JSON, SupportsDesigns, SupportsMigrations

TITLE = "design documents, built beside those in use"
ONLINE = True
BACK_ONLINE = False  # this version reads the documents that are dropped
REPAIRS = True


def applies(store: SupportsMigrations) -> bool:
    """Return True when the database derives the indexes."""
    return isinstance(store, SupportsDesigns)


def is_due(store: SupportsMigrations) -> bool:
    """Return True when a document of this version is missing."""
    return isinstance(store, SupportsDesigns) and bool(store.designs()[0])


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Return True when going down drops nothing."""
    return direction == "down" and isinstance(store, SupportsDesigns) and not _added(store, notes)


def up(run: Run) -> None:
    """Install and build missing documents, one after the other, then mark them as built.

    Parallel builds would take the processors from lists.
    """
    store = _store(run)
    missing, installed, _ = store.designs()
    run.note("before", installed)
    # Those that were there are built, or were being built when the step was interrupted.
    for number, name in enumerate(installed + missing):
        # Repeat while the server is still building.
        while not store.build_design(name):
            run.save("building", number)
        run.save("building", number + 1)
    store.mark_designs(built=True)


def down(run: Run) -> None:
    """Drop the added documents; earlier ones may be in use."""
    store = _store(run)
    added = _added(store, run.notes)
    if added:
        store.mark_designs(built=False)
    store.drop_designs(added)
    run.save("dropped", len(added))


def repair(run: Run) -> None:
    """Install and build missing documents, drop those that this version does not need."""
    up(run)
    store = _store(run)
    store.drop_designs(store.designs()[2])


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Check for missing documents, or for leftovers after going down."""
    if applied:
        return [f"design document {name} is missing" for name in _store(run).designs()[0]]
    return [f"design document {name} still exists" for name in _added(_store(run), run.notes)]


def _added(store: SupportsDesigns, notes: JSON) -> list[str]:
    installed = store.designs()[1]
    before = notes.get("before", installed)
    return [name for name in installed if name not in before]


def _store(run: Run) -> SupportsDesigns:
    assert isinstance(run.store, SupportsDesigns)
    return run.store
