"""The quota of owners who delete and upload again, on every store: one contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.memory.store import MemoryMetadataStore
from storage_adapters.metadata.redis import RedisMetadataStore
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from tests.adapters import couchdb_servers, redis_servers, sqlite_files
from tests.contract.quarantine import QuarantineContract


class TestMemoryMetadataStoreQuarantine(QuarantineContract):
    @pytest.fixture
    def store(self) -> MemoryMetadataStore:
        return MemoryMetadataStore()


class TestSqliteMetadataStoreQuarantine(QuarantineContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteMetadataStore]:
        with sqlite_files.opened(tmp_path / "files.db") as store:
            yield store


class TestRedisMetadataStoreQuarantine(QuarantineContract):
    @pytest.fixture
    def store(self, redis_url: str) -> Iterator[RedisMetadataStore]:
        with redis_servers.opened(redis_url) as store:
            yield store


class TestCouchMetadataStoreQuarantine(QuarantineContract):
    @pytest.fixture
    def store(self, couchdb_url: str) -> Iterator[CouchMetadataStore]:
        with couchdb_servers.opened(couchdb_url) as store:
            yield store
