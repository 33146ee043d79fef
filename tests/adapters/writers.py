"""What writers do in processes of their own, to a store of any kind."""

from __future__ import annotations

from contextlib import closing
from multiprocessing.connection import Connection
from typing import Any

from storage_adapters import FileStatus, ListQuery, MetadataStore, RevisionConflict, open_metadata_store
from tests.contract.metadata_scenes import delete, make_record, save


def write_for_ever(url: str, name: str, acknowledged: Connection) -> None:
    """Create, change and delete files, telling what is done after each acknowledgement; ends by being killed."""
    store = open_metadata_store(url)
    index = 0
    while True:
        names: dict[str, Any] = {"alias": f"{index}", "path": f"a/{index}"}
        record = save(store, make_record(f"{name}-{index:05}", owner=name, tags=("red",), **names))
        acknowledged.send((record.file_id, 1))
        changes: dict[str, Any] = {"status": FileStatus.UPLOADED, "uploaded_at": index, "tags": ("red", "green")}
        changes |= {"size": index, "path": f"b/{index}", "trashed_at": index if index % 3 == 0 else None}
        record = save(store, record, **changes)
        acknowledged.send((record.file_id, 2))
        if index % 4 == 0:
            delete(store, record)
            acknowledged.send((record.file_id, 3))
        index += 1


def write_some(url: str, name: str, count: int) -> None:
    """Open the store, create files and grow a file that all writers share."""
    with closing(open_metadata_store(url)) as store:
        for index in range(count):
            save(store, make_record(f"{name}-{index}", owner=name))
            grow(store, "shared")
            assert len(store.find(ListQuery(owner=name, limit=100)).records) == index + 1


def grow(store: MetadataStore, file_id: str) -> None:
    """Add one byte to a file, however many others do so as well."""
    while True:
        record = store.get(file_id)
        try:
            save(store, record, size=record.size + 1)
        except RevisionConflict:
            continue
        return
