"""A writer of documents dies anywhere, or meets what is not ours: a write is there wholly and told, or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from storage_adapters import (
    Document,
    DocumentKey,
    NameTaken,
    RevisionConflict,
    StorageUnavailable,
    document_bucket,
    open_store_of_any_schema,
)
from storage_adapters.metadata.couchdb import CouchMetadataStore, names
from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from storage_adapters.ports.documents import TOMBSTONE_MS, SupportsDocuments
from tests.adapters import couchdb_servers, redis_servers, sqlite_files
from tests.adapters.couchdb_servers import killed_before
from tests.adapters.test_couchdb_crashes import refusal
from tests.contract.document_scenes import NOW, assert_documents, delete, make_document, put, told
from tests.contract.metadata_scenes import make_record, save
from tests.servers.couchdb import raw as couchdb_raw
from tests.servers.redis import raw as redis_raw

Scene = Callable[[CouchMetadataStore, int], object]
MOST_POINTS = 60


@pytest.fixture(autouse=True)
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE_SECONDS", 0.05)


def stored(store: SupportsDocuments, document_id: str) -> Document | None:
    return store.stored_documents([DocumentKey("accounts", document_id)])[0]


def old(store: SupportsDocuments, number: int) -> Document:
    found = stored(store, f"d{number}")
    assert found is not None
    return found


def old_names(store: SupportsDocuments, document_id: str) -> tuple[str, ...]:
    found = stored(store, document_id)
    return () if found is None else found.names


def create(store: CouchMetadataStore, number: int) -> None:
    put(store, make_document(f"n{number}", names=(f"new {number}", f"other {number}")))


def rename(store: CouchMetadataStore, number: int) -> None:
    put(store, old(store, number), names=(f"new {number}",), order="z")


def remove(store: CouchMetadataStore, number: int) -> None:
    delete(store, old(store, number))


def expire(store: CouchMetadataStore, number: int) -> None:
    store.expire_documents(now=NOW + number, limit=9)


def take_over(store: CouchMetadataStore, number: int) -> None:
    """Put a document with the name of one whose time is over."""
    put(store, make_document(f"n{number}", names=(f"old {number}",), updated_at=NOW + number))


def forget(store: CouchMetadataStore, number: int) -> None:
    delete(store, old(store, number), NOW + number)
    store.forget_documents(now=NOW + number + TOMBSTONE_MS, limit=9)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scene", [create, rename, remove, expire, take_over, forget])
def test_a_writer_to_couchdb_that_dies_anywhere_leaves_whole_writes_that_are_told(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> None:
    for point in itertools.count(1):
        assert point < MOST_POINTS
        with couchdb_servers.opened(couchdb_url) as store:
            expires_at = NOW + point if scene in (expire, take_over) else None
            put(store, make_document(f"d{point}", names=(f"old {point}",), expires_at=expires_at))
        with couchdb_servers.opened(couchdb_url) as store:
            survived = not killed_before(monkeypatch, point, lambda: scene(store, point))  # noqa: B023 - called at once
        if survived:
            break
    assert point > 2
    with couchdb_servers.opened(couchdb_url) as store:
        latest = {document.document_id: document for document in told(store)}
        for number in range(1, point + 1):
            for document_id in (f"d{number}", f"n{number}"):
                there = stored(store, document_id)
                # A tombstone that was forgotten is told all the same.
                assert there == latest.get(document_id) or (there is None and latest[document_id].deleted)
        told_revisions = [(document.document_id, document.revision) for document in told(store)]
        assert len(set(told_revisions)) == len(told_revisions)
        living = [each for each in latest.values() if each.is_visible(NOW)]
        assert_documents(store, *living)
        # Whatever the dead held can be had by others: no lock outlives its holder.
        for number in range(1, point + 1):
            heir = make_document(f"heir {number}", names=(f"new {number}", f"other {number}"), updated_at=NOW + 99)
            taken = refusal(lambda: put(store, heir))  # noqa: B023 - called at once
            if taken is not None:
                assert isinstance(taken, NameTaken)
                assert taken.file_id in (f"n{number}", f"d{number}")
                assert taken.name in old_names(store, taken.file_id)


@pytest.mark.timeout(600)
def test_a_dead_creator_does_not_keep_others_from_the_id(couchdb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for point in itertools.count(1):
        with couchdb_servers.opened(couchdb_url) as store:
            survived = not killed_before(monkeypatch, point, lambda: create(store, point))  # noqa: B023 - called at once
        with couchdb_servers.opened(couchdb_url) as store:
            if stored(store, f"n{point}") is None:
                create(store, point)
            else:
                with pytest.raises(RevisionConflict):
                    create(store, point)
        if survived:
            break
    with couchdb_servers.opened(couchdb_url) as store:
        assert sorted(each.document_id for each in told(store)) == sorted(f"n{n}" for n in range(1, point + 1))


@pytest.mark.timeout(600)
def test_copies_to_couchdb_that_are_cut_off_come_whole_the_next_time(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = [make_document(f"d{number}", revision=3, names=(f"n{number}",)) for number in range(20)]
    for point in itertools.count(1):
        with couchdb_servers.opened(couchdb_url) as store:
            newer = [replace(each, revision=3 + point, body={"point": point}) for each in copies]
            survived = not killed_before(monkeypatch, point, lambda: store.replicate_documents(newer))  # noqa: B023
            if not survived:
                store.replicate_documents(newer)
            assert_documents(store, *newer)
            assert store.changes(after="", limit=10) == []
        if survived:
            break


def test_a_torn_log_of_sqlite_holds_a_whole_number_of_writes(tmp_path: Path) -> None:
    path = tmp_path / "files.db"
    with sqlite_files.opened(path) as store:
        first = put(store, make_document(names=("ann",), order="x"))
        second = put(store, first, names=("eve",), order="y", expires_at=NOW + 9)
        delete(store, second)
        whole = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-wal")}
    log, seen = whole["-wal"], []
    frame = 24 + 4096
    cuts = [0, *(32 + frame * n + part for n in range((len(log) - 32) // frame) for part in (0, 2000)), len(log)]
    for number, cut in enumerate(cuts):
        copy = tmp_path / f"cut{number}.db"
        copy.write_bytes(whole[""])
        copy.with_name(copy.name + "-wal").write_bytes(log[:cut])
        with sqlite_files.opened(copy) as store:
            document = stored(store, "d1")
            assert_documents(store, *([document] if document is not None and not document.deleted else []))
            assert [document] == told(store)[-1:] if document else told(store) == []
            seen.append(len(told(store)))
    assert seen == sorted(seen)
    assert set(seen) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "key", ["Daccounts:d1", "feed", "DS", "DX", "DT", "DO:accounts", "DN:accounts", "DB{bucket}", "DS field"]
)
def test_a_key_of_another_program_in_redis_is_reported_and_nothing_is_written(redis_url: str, key: str) -> None:
    prefix = redis_url.partition("prefix=")[2]
    document = make_document(names=("ann",), expires_at=NOW + 9)
    with redis_servers.opened(redis_url) as store, redis_raw(redis_url) as client:
        bucket = document_bucket(document.key)
        whole = f"{{{prefix}}}{key.partition(' ')[0].format(bucket=bucket)}"
        if key == "DS field":
            client.hset(whole, f"{bucket}f", "not a number")
        else:
            client.rpush(whole, "foreign")
        before = {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")}
        with pytest.raises(StorageUnavailable, match=r"does not belong|WRONGTYPE"):
            put(store, document)
        assert {each: client.dump(each) for each in client.scan_iter(match=f"{{{prefix}}}*")} == before
        client.delete(whole)
        assert_documents(store, put(store, document))


def test_nothing_is_left_in_redis_of_documents_that_are_forgotten(redis_url: str) -> None:
    prefix = redis_url.partition("prefix=")[2]
    with redis_servers.opened(redis_url) as store, redis_raw(redis_url) as client:
        for number in range(20):
            document = put(store, make_document(f"d{number}", names=(f"n{number}",), order="x", expires_at=NOW + 9))
            delete(store, document)
        assert store.forget_documents(now=NOW + TOMBSTONE_MS, limit=99) == 20
        left = {key.decode().partition("}")[2] for key in client.scan_iter(match=f"{{{prefix}}}*")}
        assert left == {"feed", "journal", "layout"}


def test_a_sqlite_file_of_before_there_were_documents_gets_what_it_lacks_and_keeps_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "files.db"
    with sqlite_files.opened(path) as store:
        save(store, make_record())
    with sqlite_files.raw(path) as connection:
        connection.execute("DROP TABLE documents")
        connection.execute("DROP TABLE document_names")
        connection.execute("DROP TABLE upload_domains")
    older = open_store_of_any_schema(f"sqlite:///{path}")
    assert isinstance(older, SqliteMetadataStore)
    assert len(older.document_faults()) == 6
    mark = older.schema().found
    assert older.schema_faults() == []
    older.close()
    with sqlite_files.opened(path) as store:
        assert store.schema().found == mark
        assert store.document_faults() == store.schema_faults() == []
        assert_documents(store, put(store, make_document(names=("ann",))))


def test_a_couchdb_that_was_restored_keeps_documents_and_tells_of_none(couchdb_url: str) -> None:
    name = location_of(couchdb_url).database
    with couchdb_servers.opened(couchdb_url) as store:
        document = put(store, make_document(names=("ann",)))
    with couchdb_raw(couchdb_url) as ask:
        # A backup has neither.
        ask("DELETE", f"{name}_feed")
        ask("DELETE", f"{name}_state")
    with couchdb_servers.opened(couchdb_url) as store:
        assert store.changes(after="", limit=9) == []
        assert store.get_document("accounts", "d1", now=NOW) == document
        document = put(store, document, body={})
        assert told(store)[-1] == document
        with pytest.raises(NameTaken):
            put(store, make_document("d2", names=("ann",)))


def test_a_couchdb_of_before_there_were_documents_gets_what_it_lacks(couchdb_url: str) -> None:
    name = location_of(couchdb_url).database
    with couchdb_servers.opened(couchdb_url) as store, couchdb_raw(couchdb_url) as ask:
        save(store, make_record())
        layout = ask("GET", f"{name}_state", "layout")
        layout.pop("documents")
        ask("PUT", f"{name}_state", "layout", body=layout)
        ask("DELETE", f"{name}_documents")
    older = open_store_of_any_schema(couchdb_url)
    assert isinstance(older, CouchMetadataStore)
    assert older.document_faults() == [f"database {name}_documents is missing"]
    older.close()
    with couchdb_servers.opened(couchdb_url) as store:
        assert store.document_faults() == []
        assert_documents(store, put(store, make_document(names=("ann",))))
