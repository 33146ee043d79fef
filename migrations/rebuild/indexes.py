"""Brings the sorted indexes to a set of fields, and compares them with the records. Writers may write meanwhile.

A record's places are added only while it is stored as it was read, and a stray is judged by the record as it is
stored: whatever changes meanwhile is indexed by its own write.
"""

from __future__ import annotations

from collections.abc import Collection

from migrations.run import Run
from migrations.stores import RebuiltStore

ADDING, REMOVING = "places added", "strays removed"
STAGES = (ADDING, REMOVING)
ENTRIES_PER_FILE = 24  # six fields in four scopes: keeps a batch of entries about as long as one of files


def reindex(run: Run, store: RebuiltStore, fields: Collection[str]) -> None:
    """Add every place that is missing, then remove every entry that belongs to no record or to another field."""
    if not run.is_past(ADDING, STAGES):
        _add(run, store, fields)
    _remove(run, store, fields)


def compare(run: Run, store: RebuiltStore, fields: Collection[str]) -> list[str]:
    """Count what is missing and what is too much."""
    missing = 0
    position = ""
    while True:
        records, position = store.scan(after=position, limit=run.batch)
        missing += store.count_index(records, fields)
        run.save("comparing records", position, files=len(records))
        if not position:
            break
    strays = 0
    while True:
        found, position = store.strays(after=position, limit=run.batch * ENTRIES_PER_FILE, fields=fields, remove=False)
        strays += found
        run.save("comparing entries", position)
        if not position:
            break
    texts = []
    if missing:
        texts.append(f"{missing} places or names are missing in the indexes")
    if strays:
        texts.append(f"{strays} entries of the indexes belong to no record")
    return texts


def _add(run: Run, store: RebuiltStore, fields: Collection[str]) -> None:
    position = str(run.place(ADDING) or "")
    while True:
        records, position = store.scan(after=position, limit=run.batch)
        store.index(records, fields)
        run.save(ADDING, position, files=len(records))
        if not position:
            return


def _remove(run: Run, store: RebuiltStore, fields: Collection[str]) -> None:
    position = str(run.place(REMOVING) or "")
    while True:
        _, position = store.strays(after=position, limit=run.batch * ENTRIES_PER_FILE, fields=fields, remove=True)
        run.save(REMOVING, position)
        if not position:
            return
