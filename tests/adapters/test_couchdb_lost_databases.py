"""A database of the store is lost: the store says so, and does not claim to be ready."""

from __future__ import annotations

from typing import cast

import pytest

from migrations.errors import Differences
from migrations.runner import Runner
from migrations.stores import MigratedStore
from storage_adapters import Change, Document, DocumentChange, ListQuery, StorageUnavailable
from storage_adapters.metadata.couchdb import CouchMetadataStore
from tests.adapters.couchdb_servers import assert_intact, killed_before, opened
from tests.contract.metadata_scenes import NOW, add, delete, make_record, save


def test_a_store_that_lost_its_files_says_what_to_do(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        add(store, make_record())
        drop(store, "")
        with pytest.raises(StorageUnavailable, match="is missing: restore it"):
            store.ping()
        for call in (lambda: store.get("f"), lambda: store.usage(None), lambda: store.find(ListQuery())):
            with pytest.raises(StorageUnavailable, match=r"404 .*`files doctor` has the remedy"):
                call()


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


def test_a_lost_feed_is_made_again_and_consumers_start_over(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        records = add(store, *(make_record(f"f{number}") for number in range(5)))
        records[0] = save(store, records[0], name="changed")
        delete(store, records[1])
        store.put_document(Document(collection="notes", document_id="n1", updated_at=NOW), expected_revision=0)
        store.move_checkpoint("relay", expected="", sequence=store.changes(after="", limit=3)[-1].sequence)
        store.trim_changes(limit=2)
        name = store.identity()
        drop(store, "_feed")
    runner = Runner(store=cast(MigratedStore, CouchMetadataStore.from_url_of_any_schema(couchdb_url)))
    assert 1 in [task.step.number for task in runner.repairs()]
    with pytest.raises(Differences, match="_feed is missing"):
        runner.verify()
    runner.repair([1])
    runner.verify()
    runner.store.close()
    with opened(couchdb_url) as store:
        assert store.identity() == name
        assert store.checkpoint("relay") == ""
        changes = store.changes(after="", limit=100)
        told = [(each.file_id, each.revision, each.deleted) for each in changes if isinstance(each, Change)]
        assert sorted(told) == [("f0", 2, False), ("f1", 2, True), *((f"f{number}", 1, False) for number in (2, 3, 4))]
        assert [each.document.key for each in changes if isinstance(each, DocumentChange)] == [("notes", "n1")]
        add(store, make_record("f9"))
        assert store.changes(after=changes[-1].sequence, limit=9)[0].sequence == store.last_sequence()


def test_a_repair_of_the_feed_that_was_interrupted_is_noticed_and_begins_again(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(couchdb_url) as store:
        add(store, *(make_record(f"f{number}") for number in range(5)))
        drop(store, "_feed")
        number = 1
        while killed_before(monkeypatch, number, store.repair_schema):
            number += 1
            if store._feed.entries.exists():
                with pytest.raises(StorageUnavailable, match="files migrate repair"):
                    CouchMetadataStore.from_url(couchdb_url)
                assert store.schema_faults() == [f"database {store._files.name}_feed is incomplete"]
        assert number > 5
    assert len(assert_intact(couchdb_url)) == 5


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
