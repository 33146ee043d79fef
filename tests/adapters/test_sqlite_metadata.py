"""The metadata store on SQLite: under the contract, and what only a file on a disk can do or suffer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters import ORDERS, StorageUnavailable, UnknownStore, open_metadata_store
from storage_adapters.metadata.sqlite import SqliteMetadataStore, connections
from storage_adapters.metadata.sqlite.connections import sqlite_errors_as_storage_errors
from storage_adapters.metadata.sqlite.schema import FIELD_NUMBERS, VERSION
from tests.adapters.sqlite_files import assert_intact, opened, raw
from tests.contract.adoption import AdoptionContract
from tests.contract.blob_scenes import in_threads
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import add, delete, make_record, save, various_records
from tests.contract.whole_store import WholeStoreContract
from tests.feeds import file_changes
from tests.scale import at_scale


class TestSqliteMetadataStore(WholeStoreContract, AdoptionContract):
    values_step = at_scale(quick=4, default=1, nightly=1)

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteMetadataStore]:
        with opened(tmp_path / "files.db") as store:
            yield store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "files.db"


def test_the_url_names_a_relative_or_an_absolute_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative = open_metadata_store("sqlite:///deep/folder/my%20files.db")
    record = add(relative, make_record())[0]
    monkeypatch.chdir("/")
    add(relative, make_record("f2"))
    absolute = open_metadata_store(f"sqlite:///{tmp_path}/deep/folder/my%20files.db")
    assert absolute.get("f1") == record
    assert absolute.get("f2").file_id == "f2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]
    relative.close()
    absolute.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite://files.db", "where a host would"),
        ("sqlite://data/files.db", "where a host would"),
        ("sqlite:///", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:///data/", "names no file"),
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///files.db?mode=ro", "takes no"),
        ("sqlite:///files.db#x", "takes no"),
        ("sqlite:///a%00b", "NUL"),
    ],
)
def test_a_url_that_names_no_file_is_refused_with_the_reason(url: str, problem: str) -> None:
    with pytest.raises(UnknownStore, match=problem):
        open_metadata_store(url)


def test_a_reopened_store_shows_everything(path: Path) -> None:
    with opened(path) as store:
        records = add(store, *various_records())
        delete(store, records[0])
        store.move_checkpoint("relay", expected="", sequence="7")
        store.acquire_lease("sweeper", holder="a", now=0, until=10)
        digest, changes = store.digest(), file_changes(store, after="", limit=100)
    with opened(path) as store:
        assert assert_consistent(store) != []
        assert store.digest() == digest
        assert file_changes(store, after="", limit=100) == changes
        assert store.checkpoint("relay") == "7"
        assert not store.acquire_lease("sweeper", holder="b", now=0, until=10)
        assert len(store.unclean(now=10**15, limit=10)) == 0
    assert assert_intact(path) == sorted(records[1:], key=lambda r: (r.created_at, r.file_id))


def test_what_is_kept_is_readable_by_its_owner_alone(path: Path) -> None:
    with opened(path) as store:
        add(store, make_record())
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {path.name + end: 0o600 for end in ("", "-wal", "-shm")}


def test_two_stores_on_one_file_see_each_other_at_once(path: Path) -> None:
    with opened(path) as one, opened(path) as other:
        record = save(one, make_record(alias="film"))
        assert other.get("f1") == record
        record = save(other, record, name="changed")
        assert one.get("f1") == record
        delete(one, record)
        assert other.resolve("ann", "alias", ["film"]) == [None]
        assert [change.revision for change in file_changes(other, after="", limit=10)] == [1, 2, 3]


def test_a_new_file_is_made_once_when_many_open_it_at_the_same_moment(path: Path) -> None:
    stores = in_threads(8, lambda _: SqliteMetadataStore(path))
    for number, store in enumerate(stores):
        assert isinstance(store, SqliteMetadataStore), store
        add(store, make_record(f"f{number}"))
        store.close()
    assert len(assert_intact(path)) == 8


def test_writes_are_durable_and_references_checked_on_every_connection(path: Path) -> None:
    with opened(path) as store, store._connections.reading(), store._connections.reading() as second:
        assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert second.execute("PRAGMA synchronous").fetchone() == (2,)
        assert second.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    with opened(path) as store:
        add(store, make_record())
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StorageUnavailable, match=f"schema {VERSION + 1}, .* newer version"):
        SqliteMetadataStore(path)
    with raw(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
        connection.execute(f"PRAGMA user_version = {VERSION}")
    assert len(assert_intact(path)) == 1


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StorageUnavailable, match="another program"):
        SqliteMetadataStore(path)
    with raw(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_every_order_has_a_number_of_its_own() -> None:
    assert FIELD_NUMBERS.keys() == set(ORDERS)
    assert len(set(FIELD_NUMBERS.values())) == len(ORDERS)


@pytest.mark.parametrize(
    "error", [value for value in vars(sqlite3).values() if isinstance(value, type) and issubclass(value, Exception)]
)
def test_every_exception_of_the_library_becomes_ours(error: type[Exception]) -> None:
    with pytest.raises(StorageUnavailable, match="what happened"), sqlite_errors_as_storage_errors():
        raise error("what happened")


def test_a_file_that_is_no_database_is_reported(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StorageUnavailable, match="not a database"):
        SqliteMetadataStore(path)
    assert path.read_bytes() == b"not a database at all" * 1000


def test_a_place_where_no_file_can_be_is_reported(path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(StorageUnavailable, match="cannot create the folder"):
        SqliteMetadataStore(path / "files.db")
    (path.parent / "folder").mkdir()
    with pytest.raises(StorageUnavailable, match=r"cannot open \S+/folder: Is a directory"):
        SqliteMetadataStore(path.parent / "folder")


def test_damage_is_reported(path: Path) -> None:
    with opened(path) as store:
        add(store, *various_records())
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StorageUnavailable, match=r"malformed|corrupt"), opened(path) as store:
        assert_consistent(store)


def test_a_closed_store_is_unavailable(path: Path) -> None:
    store = SqliteMetadataStore(path)
    store.close()
    with pytest.raises(StorageUnavailable, match="closed"):
        store.ping()
    assert store._connections._open == set()


def test_a_connection_that_is_lent_at_the_close_is_closed_when_it_comes_back(path: Path) -> None:
    store = SqliteMetadataStore(path)
    with store._connections.reading():
        store.close()
    assert store._connections._open == set()


def test_no_more_connections_are_kept_than_allowed(path: Path) -> None:
    with opened(path) as store:
        add(store, make_record())
        assert not any(isinstance(result, Exception) for result in in_threads(20, lambda _: store.get("f1")))
        assert len(store._connections._open) <= connections.IDLE_CONNECTIONS
