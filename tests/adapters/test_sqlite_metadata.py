"""The metadata store on SQLite: under the contract, and what only a file on a disk can do or suffer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters.metadata.sqlite import SqliteMetadataStore
from tests.contract.changes import ChangesContract
from tests.contract.digest import DigestContract
from tests.contract.leases import LeasesContract
from tests.contract.metadata import MetadataStoreContract


class TestSqliteMetadataStore(MetadataStoreContract, ChangesContract, DigestContract, LeasesContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteMetadataStore]:
        store = SqliteMetadataStore(tmp_path / "files.db")
        yield store
        store.close()
