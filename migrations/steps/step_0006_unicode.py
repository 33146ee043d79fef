"""Sort keys of names by the pinned version of Unicode, and the mark of that version.

A store without a mark was written by version 0.1, which folded names by the Unicode of its interpreter: 14.0 under
Python 3.11. The step compares every sort key of names, corrects it where it differs, then sets the mark. It is offline,
and due as soon as a version pins another Unicode. The way down keeps the keys and the mark: only the other version can
fold names in its way, and its own step is then due.
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
    """Return True when the store sorts names, as every store does."""
    return is_rebuilt(store) or isinstance(store, SupportsDesigns)


def is_due(store: SupportsMigrations) -> bool:
    """Return True when names are sorted by another version."""
    return store.unicode_version() != UNICODE_VERSION


def is_idle(store: SupportsMigrations, notes: JSON, direction: str) -> bool:
    """Return True when the version is the same before and after, so that sort keys are only corrected."""
    return not is_due(store)


def up(run: Run) -> None:
    """Correct the sort keys of names, then set the mark."""
    run.note("before", run.store.unicode_version())
    if is_rebuilt(run.store):
        reindex(run, run.store, SORT_FIELDS)
    else:
        _sort(run, _SORTING, write=True)
    run.store.mark_unicode(UNICODE_VERSION)


def down(run: Run) -> None:
    """Keep sort keys and mark, which agree."""
    run.save("kept", run.store.unicode_version())


def verify(run: Run, applied: bool) -> list[str]:  # noqa: FBT001 - the form of all steps
    """Compare the mark and every sort key of names; where documents are indexed by what they say, all that they say."""
    if is_due(run.store):
        return [f"names are sorted by Unicode {run.store.unicode_version()}"] if applied else []
    if is_rebuilt(run.store):
        wrong = _count(run)
        return [f"{wrong} places by name are wrong"] if wrong else []
    wrong = _sort(run, _COMPARING, write=False)
    return [f"files that are indexed wrongly: {wrong}"] if wrong else []


def _sort(run: Run, stage: str, *, write: bool) -> int:
    assert isinstance(run.store, SupportsDesigns)
    wrong, position = 0, str(run.place(stage) or "")
    while True:
        found, position = run.store.correct_indexes(after=position, limit=run.batch, write=write)
        wrong += found
        run.save(stage, position, files=run.batch)
        if not position:
            return wrong


def _count(run: Run) -> int:
    assert is_rebuilt(run.store)
    missing, position = 0, ""
    while True:
        records, position = run.store.scan(after=position, limit=run.batch)
        missing += run.store.count_index(records, ["name"])[0]
        run.save(_COMPARING, position, files=len(records))
        if not position:
            return missing
