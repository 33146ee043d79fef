"""A SQLite store whose disk is full, whose file is locked or not to be written: it says so and half writes nothing."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters import FileRecord, StorageFull, StorageUnavailable, open_made_store
from storage_adapters.metadata.sqlite import SqliteMetadataStore, connections
from tests.adapters.local_disk import Child
from tests.adapters.sqlite_files import assert_intact, opened, raw
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import add, delete, make_record, save
from tests.waiting import PATIENCE_SECONDS

PADDING = {"padding": "x" * 3_000}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "files.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteMetadataStore]:
    with opened(path) as store:
        yield store


def pragma(store: SqliteMetadataStore, name: str, value: int) -> None:
    """Set what holds for one connection; one thread alone always gets the same one."""
    with store._connections.reading() as connection:
        connection.execute(f"PRAGMA {name} = {value}").fetchall()


def fill(store: SqliteMetadataStore) -> list[FileRecord]:
    """Save files until the store refuses; those that it took."""
    taken: list[FileRecord] = []
    for number in range(1_000):
        record = make_record(f"f{number:03}", alias=f"{number}", request_id=f"{number}", tags=("red",), meta=PADDING)
        try:
            taken.append(save(store, record))
        except StorageUnavailable:
            return taken
    raise AssertionError("the store never refused")


@pytest.mark.parametrize("pages", [40, 41, 42, 43, 44, 45, 60])
def test_a_full_database_refuses_whole_writes_and_goes_on_when_there_is_room(
    store: SqliteMetadataStore, path: Path, pages: int
) -> None:
    pragma(store, "max_page_count", pages)
    taken = fill(store)
    assert assert_consistent(store) == taken
    with pytest.raises(StorageUnavailable, match="full"):
        save(store, taken[0], meta={"more": "x" * 100_000}, alias="other", size=7)
    assert assert_consistent(store) == taken
    pragma(store, "max_page_count", 100_000)
    delete(store, taken[0])
    add(store, make_record("g", alias="0", request_id="0", meta=PADDING))
    store.close()
    assert len(assert_intact(path)) == len(taken)


@pytest.mark.parametrize("limit", [300_000, 400_001, 512 * 1024])
def test_a_write_that_the_system_cuts_off_leaves_nothing(path: Path, limit: int) -> None:
    SqliteMetadataStore(path).close()

    def write_to_the_limit() -> list[FileRecord]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        store = SqliteMetadataStore(path)
        taken = fill(store)
        assert assert_consistent(store) == taken
        return taken

    taken = Child(write_to_the_limit).result()
    assert taken
    assert assert_intact(path) == taken


def test_a_database_that_must_not_be_written_can_still_be_read(store: SqliteMetadataStore) -> None:
    saved = save(store, make_record())
    pragma(store, "query_only", 1)
    with pytest.raises(StorageUnavailable, match="READONLY"):
        save(store, saved, name="x")
    with pytest.raises(StorageUnavailable, match="READONLY"):
        delete(store, saved)
    assert assert_consistent(store) == [saved]


def test_a_database_that_others_keep_locked_is_unavailable_for_writes_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MS", 50)
    with opened(path) as store, raw(path) as other:
        saved = save(store, make_record())
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailable, match="locked"):
            save(store, saved, name="x")
        assert assert_consistent(store) == [saved]
        other.execute("ROLLBACK")
        assert save(store, saved, name="x").revision == 2


def test_a_writer_waits_for_a_short_lock(path: Path) -> None:
    with opened(path) as store, raw(path) as other:
        saved = save(store, make_record())
        other.execute("BEGIN IMMEDIATE")
        waiting: list[FileRecord] = []
        writer = threading.Thread(target=lambda: waiting.append(save(store, saved, name="x")))
        writer.start()
        assert store.get("f1") == saved
        other.execute("ROLLBACK")
        writer.join(PATIENCE_SECONDS)
        assert [record.revision for record in waiting] == [2]


def test_an_error_in_the_middle_of_a_write_undoes_all_of_it(store: SqliteMetadataStore) -> None:
    saved = save(store, make_record())
    for table in ("files", "listing", "names", "usage", "digest", "changes"):
        with store._connections.reading() as connection:
            connection.execute(
                f"CREATE TEMP TRIGGER broken BEFORE INSERT ON main.{table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        with pytest.raises(StorageUnavailable, match="broken"):
            save(store, make_record("f2", alias="film"))
        with store._connections.reading() as connection:
            connection.execute("DROP TRIGGER broken")
        assert assert_consistent(store) == [saved]


@pytest.mark.parametrize("fate", ["removed", "replaced"])
def test_nothing_is_confirmed_into_a_file_that_is_no_longer_there(
    store: SqliteMetadataStore, path: Path, fate: str
) -> None:
    record = save(store, make_record("f"))
    with store._connections.writing():
        pass
    path.rename(gone := path.with_name("gone.db"))
    if fate == "replaced":
        SqliteMetadataStore(path).close()
    for call in (store.ping, lambda: store.get("f"), lambda: save(store, record, size=7)):
        with pytest.raises(StorageUnavailable, match=f"files.db was {fate}.*start them again"):
            call()
    assert path.exists() == (fate == "replaced")
    if fate == "removed":
        gone.rename(path)
        assert store.get("f") == record
        store.ping()


def test_a_folder_that_may_not_be_entered_is_named(path: Path) -> None:
    path.parent.chmod(0)

    def said() -> str:
        if os.geteuid() == 0:
            os.setresuid(65534, 65534, 65534)
        try:
            open_made_store(f"sqlite:///{path}")
        except StorageUnavailable as error:
            return str(error)
        return ""

    try:
        assert Child(said).result() == f"sqlite: {path}: Permission denied"
    finally:
        path.parent.chmod(0o700)


def test_a_store_that_may_not_be_written_is_not_ready(
    store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ping()
    # An administrator may write to any file.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StorageUnavailable, match=r"may not write to files\.db"):
        store.ping()


def test_a_store_on_a_full_disk_is_not_ready_until_there_is_room(
    store: SqliteMetadataStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.ping()
    with monkeypatch.context() as patch:
        patch.setattr(connections, "LEAST_FREE_BYTES", 2**62)
        with pytest.raises(StorageFull, match="no space is left"):
            store.ping()
    store.ping()
