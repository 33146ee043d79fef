"""Names sorted by the version of Unicode that this version has pinned, and the mark that says so.

A store without a mark is version 0.1's, which folded names as its interpreter did: by 14.0 under Python 3.11. Every
place by name is compared and put right where it differs, then the mark is set. Between two versions that fold names in
different ways the step is offline, and due as soon as a version has pinned another one. The way back cannot sort as
another version did: it takes the mark back where both are the same, and else leaves it to the step of that version.
"""

from __future__ import annotations

from migrations.rebuild.indexes import reindex
from migrations.run import Run
from migrations.stores import is_rebuilt
from storage_adapters import JSON, SORT_FIELDS, UNICODE_VERSION, SupportsDesigns, SupportsMigrations

TITLE = f"names sorted by Unicode {UNICODE_VERSION}"
ONLINE = False
REPAIRS = True
_SORTING, _COMPARING = "names sorted", "comparing names"


def applies(store: SupportsMigrations) -> bool:
    """Every store sorts names."""
    return is_rebuilt(store) or isinstance(store, SupportsDesigns)


def is_due(store: SupportsMigrations) -> bool:
    """Whether names are sorted by another version."""
    return store.unicode_version() != UNICODE_VERSION


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Whether the version is and stays the same, so that places are only compared and put right."""
    return not is_due(store)


def up(run: Run) -> None:
    """Put the places by name right, then set the mark."""
    run.note("before", run.store.unicode_version())
    if is_rebuilt(run.store):
        reindex(run, run.store, SORT_FIELDS)
    else:
        _sort(run, _SORTING, write=True)
    run.store.mark_unicode(UNICODE_VERSION)


def down(run: Run) -> None:
    """Leave places and mark, which agree."""
    run.save("kept", run.store.unicode_version())


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Compare the mark and every place by name."""
    if is_due(run.store):
        return [f"names are sorted by Unicode {run.store.unicode_version()}"] if applied else []
    wrong = _count(run) if is_rebuilt(run.store) else _sort(run, _COMPARING, write=False)
    return [f"{wrong} places by name are wrong"] if wrong else []


def _sort(run: Run, stage: str, *, write: bool) -> int:
    assert isinstance(run.store, SupportsDesigns)
    wrong, position = 0, str(run.place(stage) or "")
    while True:
        found, position = run.store.sort_names(after=position, limit=run.batch, write=write)
        wrong += found
        run.save(stage, position, files=run.batch)
        if not position:
            return wrong


def _count(run: Run) -> int:
    assert is_rebuilt(run.store)
    missing, position = 0, ""
    while True:
        records, position = run.store.scan(after=position, limit=run.batch)
        missing += run.store.count_index(records, ["name"])
        run.save(_COMPARING, position, files=len(records))
        if not position:
            return missing
