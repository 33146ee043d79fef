"""What migrations read of a store: each file once, none that is gone, and what stands under given ids."""

from __future__ import annotations

from contextlib import closing

import pytest

from migrations.stores import is_migrated
from storage_adapters import RecordDeleted, RecordNotFound, Tombstone, open_metadata_store
from tests.contract.metadata_scenes import ODD_TEXTS, add, delete, make_record, save, various_records


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_a_scan_meets_each_file_that_exists_once(url: str, limit: int) -> None:
    with closing(open_metadata_store(url)) as store:
        assert is_migrated(store)
        kept = {record.file_id for record in add(store, *various_records())}
        gone = add(store, *(make_record(f"gone-{number}") for number in range(9)))
        for record in gone:
            delete(store, record)
        found: list[str] = []
        position = ""
        while True:
            records, position = store.scan(after=position, limit=limit)
            found += [record.file_id for record in records]
            if not position:
                break
        assert sorted(found) == sorted(kept)


def test_what_is_stored_is_told_in_the_order_of_the_question(url: str) -> None:
    odd = [text for text in ODD_TEXTS if text.strip() and "\0" not in text]
    with closing(open_metadata_store(url)) as store:
        assert is_migrated(store)
        records = add(store, *(make_record(file_id) for file_id in odd))
        renamed = save(store, records[0], name="other")
        tombstone = delete(store, records[1])
        asked = ["none", odd[1], odd[0], *odd[2:], "none"]
        assert store.stored([]) == []
        assert store.stored(asked) == [None, tombstone, renamed, *records[2:], None]
        for file_id, found in zip(asked, store.stored(asked), strict=True):
            if found is None or isinstance(found, Tombstone):
                with pytest.raises(RecordDeleted if found else RecordNotFound):
                    store.get(file_id)
            else:
                assert store.get(file_id) == found
