"""How the tests of the SQLite store look into its file, and the writers that they run in other processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from storage_adapters import FileRecord, FileStatus, ListQuery, RevisionConflict
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from storage_adapters.metadata.sqlite.indexes import scope_text
from storage_adapters.metadata.sqlite.schema import FIELD_NUMBERS
from storage_adapters.query import scopes, sort_value
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import delete, make_record, save


@contextmanager
def opened(path: Path) -> Iterator[SqliteMetadataStore]:
    store = SqliteMetadataStore(path)
    try:
        yield store
    finally:
        store.close()


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file as any other program sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def assert_intact(path: Path) -> list[FileRecord]:
    """The file is sound, every answer follows from the records, and no index holds anything beyond them."""
    with opened(path) as store:
        records = assert_consistent(store)
    with raw(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        places = [
            (scope_text(scope), number, value is None, 0 if value is None else value, record.file_id)
            for record in records
            for scope in scopes(record)
            for field, number in FIELD_NUMBERS.items()
            for value in [sort_value(record, field)]
        ]
        assert set(connection.execute("SELECT * FROM listing").fetchall()) == set(places)
        names = {
            (record.owner, kind, name, record.file_id)
            for record in records
            for kind in ("alias", "request_id")
            if (name := getattr(record, kind)) is not None
        }
        assert set(connection.execute("SELECT owner, kind, name, file_id FROM names").fetchall()) == names
        assert connection.execute("SELECT count(*) FROM usage WHERE files <= 0").fetchone() == (0,)
    return records


def write_for_ever(path: Path, name: str, acknowledged: Connection) -> None:
    """Create, change and delete files, telling what is done after each acknowledgement; ends by being killed."""
    store = SqliteMetadataStore(path)
    index = 0
    while True:
        record = save(store, make_record(f"{name}-{index:05}", owner=name, alias=f"{index}", tags=("red",)))
        acknowledged.send((record.file_id, 1))
        record = save(store, record, status=FileStatus.UPLOADED, uploaded_at=index, tags=("red", "green"), size=index)
        acknowledged.send((record.file_id, 2))
        if index % 4 == 0:
            delete(store, record)
            acknowledged.send((record.file_id, 3))
        index += 1


def write_some(path: Path, name: str, count: int) -> None:
    """Open the store, create files and grow a file that all writers share."""
    with opened(path) as store:
        for index in range(count):
            save(store, make_record(f"{name}-{index}", owner=name))
            grow(store, "shared")
            assert len(store.find(ListQuery(owner=name, limit=100)).records) == index + 1


def grow(store: SqliteMetadataStore, file_id: str) -> None:
    """Add one byte to a file, however many others do so as well."""
    while True:
        record = store.get(file_id)
        try:
            save(store, record, size=record.size + 1)
        except RevisionConflict:
            continue
        return
