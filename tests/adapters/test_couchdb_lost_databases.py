"""A database of the store is lost: the store says so, and does not claim to be ready."""

from __future__ import annotations

import pytest

from storage_adapters import StorageUnavailable
from storage_adapters.metadata.couchdb import CouchMetadataStore
from tests.adapters.couchdb_servers import opened
from tests.contract.metadata_scenes import add, make_record


@pytest.mark.parametrize("lost", ["_feed", "_state", "_uploads", "_documents"])
def test_a_store_that_lost_a_database_is_not_ready(couchdb_url: str, lost: str) -> None:
    with opened(couchdb_url) as store:
        add(store, make_record())
        store.ping()
        drop(store, lost)
        with pytest.raises(StorageUnavailable, match=f"{lost} is missing"):
            store.ping()
        assert store.schema_faults() == [f"database {store._files.name}{lost} is missing"]


@pytest.mark.parametrize("lost", ["", "_feed"])
def test_a_store_without_its_files_or_feed_does_not_open(couchdb_url: str, lost: str) -> None:
    with opened(couchdb_url) as store:
        add(store, make_record())
        drop(store, lost)
    with pytest.raises(StorageUnavailable, match="is missing: restore it"):
        CouchMetadataStore.from_url(couchdb_url)


def test_a_store_that_lost_its_state_is_made_again(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        add(store, make_record())
        drop(store, "_state")
    with opened(couchdb_url) as store:
        store.ping()
        add(store, make_record("f2"))
        assert len(store.changes(after="", limit=10)) == 2


def drop(store: CouchMetadataStore, suffix: str) -> None:
    store._server.request("DELETE", store._files.name + suffix)
