"""Rebuilding of sorted indexes, and their comparison with the records, while writers write.

A record's entries are added only while the stored record is the one that was read, and a stray entry is judged by the
stored record: a concurrent change indexes itself by its own write.
"""

from __future__ import annotations

from collections.abc import Collection

from migrations.run import Run
from migrations.stores import RebuiltStore
from storage_adapters import ORDERS, SORT_FIELDS

ADDING, REMOVING = "places added", "strays removed"
STAGES = (ADDING, REMOVING)
# Orders that came with the fields they sort by: whatever the sort fields are, records that have these stand in them.
_ALWAYS = tuple(field for field in ORDERS if field not in SORT_FIELDS)
ENTRIES_PER_FILE = 24  # six fields in four scopes: keeps a batch of entries about as long as one of files


def reindex(run: Run, store: RebuiltStore, fields: Collection[str]) -> None:
    """Add missing entries, then remove entries without a record or of another field."""
    fields = (*fields, *_ALWAYS)
    if not run.is_past(ADDING, STAGES):
        _add(run, store, fields)
    _remove(run, store, fields)


def compare(run: Run, store: RebuiltStore, fields: Collection[str]) -> list[str]:
    """Count missing and stray entries."""
    fields = (*fields, *_ALWAYS)
    began = store.last_sequence()
    missing = held = 0
    position = ""
    while True:
        records, position = store.scan(after=position, limit=run.batch)
        lacks, has = store.count_index(records, fields)
        missing, held = missing + lacks, held + has
        run.save("comparing records", position, files=len(records))
        if not position:
            break
    strays = 0
    is_exact = not missing and _has_no_others(run, store, held, began)
    while not is_exact:
        found, position = store.strays(after=position, limit=run.batch * ENTRIES_PER_FILE, fields=fields, remove=False)
        strays += found
        run.save("comparing entries", position)
        if not position:
            break
    texts = []
    if missing:
        texts.append(f"{missing} entries or names are missing in the indexes")
    if strays:
        texts.append(f"{strays} index entries belong to no record")
    return texts


def _has_no_others(run: Run, store: RebuiltStore, held: int, began: str) -> bool:
    """Return True when the indexes have no entries but those of the records, which spares reading each record anew."""
    entries, position = 0, ""
    while True:
        found, position = store.count_entries(after=position, limit=run.batch * ENTRIES_PER_FILE)
        entries += found
        run.save("counting entries", position)
        if not position or entries > held:
            return entries == held and store.last_sequence() == began


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
