"""The metadata store on CouchDB: under the contract of all, and what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage_adapters.metadata.couchdb import CouchMetadataStore
from tests.adapters.couchdb_servers import opened
from tests.contract.changes import ChangesContract
from tests.contract.digest import DigestContract
from tests.contract.leases import LeasesContract
from tests.contract.metadata import MetadataStoreContract
from tests.contract.replication import ReplicationContract


class TestCouchMetadataStore(
    MetadataStoreContract, ChangesContract, DigestContract, LeasesContract, ReplicationContract
):
    @pytest.fixture
    def store(self, couchdb_url: str) -> Iterator[CouchMetadataStore]:
        with opened(couchdb_url) as store:
            yield store
