"""What migrations read of a store: each file once, none that is gone, and what stands under given ids."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migrations.stores import is_migrated
from storage_adapters import RecordDeleted, RecordNotFound, StorageUnavailable, Tombstone, open_metadata_store
from tests.contract.metadata_scenes import ODD_TEXTS, add, delete, make_record, save, various_records
from tests.migrations.stores import runner_on


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


def test_looking_at_a_database_that_does_not_exist_makes_none(tmp_path: Path) -> None:
    """A mistyped path is no new store."""
    with runner_on(f"sqlite:///{tmp_path / 'folder' / 'files.db'}") as runner:
        assert runner.status()["empty"]
        assert runner.plan()
        assert runner.verify() == []
        assert runner.down() == []
        assert runner.repair() == []
        assert list(tmp_path.iterdir()) == []
        runner.up()
        runner.verify()


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    with runner_on(f"sqlite:///{path}") as runner:
        with pytest.raises(StorageUnavailable):
            runner.up()
        assert not runner.store.schema().found
    with closing(sqlite3.connect(path)) as connection:
        assert "files" not in {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
