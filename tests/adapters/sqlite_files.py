"""How the tests of the SQLite store look into its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from storage_adapters import FileRecord
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from storage_adapters.metadata.sqlite.indexes import scope_text
from storage_adapters.metadata.sqlite.schema import FIELD_NUMBERS
from storage_adapters.query import index_entries
from storage_adapters.records import names_held
from tests.contract.consistency import assert_consistent


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
            (scope_text(scope), FIELD_NUMBERS[field], value is None, 0 if value is None else value, record.file_id)
            for record in records
            for scope, field, value in index_entries(record)
        ]
        assert set(connection.execute("SELECT * FROM listing").fetchall()) == set(places)
        names = {(record.owner, *name, record.file_id) for record in records for name in names_held(record)}
        assert set(connection.execute("SELECT owner, kind, name, file_id FROM names").fetchall()) == names
        assert connection.execute("SELECT count(*) FROM usage WHERE files <= 0").fetchone() == (0,)
    return records
