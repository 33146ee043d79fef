"""A writer of uploads to CouchDB dies between any two requests, and nothing of it stays behind for good."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from storage_adapters import Chunk, ChunkGone, UploadNotFound, UploadStatus
from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.location import location_of
from storage_adapters.metadata.couchdb.views import UPLOADS
from tests.adapters.couchdb_servers import before_each_request, killed_before, opened
from tests.contract.upload_scenes import LATER, NOW, append, chunk_of, make_upload
from tests.servers.couchdb import raw

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)

MOST_POINTS = 40

Work = Callable[[CouchMetadataStore], object]


def name_two(store: CouchMetadataStore) -> None:
    append(store, (10, 10), (20, 10))


def delete(store: CouchMetadataStore) -> None:
    store.delete_upload("u1", now=NOW)


def condemn(store: CouchMetadataStore) -> None:
    store.reserve_chunks("ann", ["d" * 64], now=NOW)
    store.forget_garbage(store.mark_garbage(unused_before=LATER, limit=9))


def condemn_and_reserve(store: CouchMetadataStore) -> None:
    store.reserve_chunks("ann", ["d" * 64], now=NOW)
    store.mark_garbage(unused_before=LATER, limit=9)
    store.reserve_chunks("ann", ["d" * 64], now=NOW)


def documents(url: str) -> list[Any]:
    """What the database of uploads holds besides its design document."""
    with raw(url) as ask:
        rows = ask("GET", location_of(url).database + "_uploads", "_all_docs")["rows"]
    return [row["id"] for row in rows if not row["id"].startswith("_")]


def cleared(store: CouchMetadataStore) -> set[str]:
    """Do as the sweeper until nothing is left; the tokens that were condemned."""
    tokens: set[str] = set()
    for _ in range(4):
        with suppress(UploadNotFound):
            store.delete_upload("u1", now=NOW)
        condemned = store.mark_garbage(unused_before=LATER, limit=50)
        store.forget_garbage(condemned)
        tokens.update(each.token for each in condemned)
    return tokens


@pytest.mark.parametrize("work", [name_two, delete, condemn, condemn_and_reserve])
def test_a_dead_writer_leaves_the_whole_or_nothing_and_all_of_it_can_be_cleared_away(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch, work: Work
) -> None:
    with opened(couchdb_url) as store:
        for number in range(1, MOST_POINTS):
            store.create_upload(make_upload())
            append(store, (0, 10))
            killed = killed_before(monkeypatch, number, lambda: work(store))
            try:
                status = store.get_upload("u1")
            except UploadNotFound:
                assert work is delete
                left = [each.status for each in store.expired_uploads(now=NOW, limit=9)]
                assert left in ([], [UploadStatus.DELETING])
            else:
                chunks = store.list_chunks("u1", limit=9)
                assert status.received in (10, 30)
                assert sum(chunk.size for chunk in chunks) == status.received == status.contiguous
                condemned = {each.token for each in store.mark_garbage(unused_before=LATER, limit=50)}
                assert not condemned & {chunk.token for chunk in chunks}
                if work is name_two:
                    again = [chunk for chunk in chunks if chunk.offset] or [chunk_of(store, 10), chunk_of(store, 20)]
                    assert store.append_chunks("u1", again, expires_at=NOW).complete
            cleared(store)
            assert documents(couchdb_url) == []
            if not killed:
                return
    raise AssertionError("the work has more requests than expected")


def test_a_deletion_that_goes_on_too_late_leaves_the_next_upload_of_the_same_id(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each of its requests but the first, another deletion takes place, and the upload's id comes back."""
    with opened(couchdb_url) as store, opened(couchdb_url) as other:
        for point in range(2, MOST_POINTS):
            store.create_upload(make_upload())
            append(store, (0, 10))
            count = 0

            def overtake(point: int = point) -> None:
                nonlocal count
                count += 1
                if count == point:
                    assert other.delete_upload("u1", now=NOW)
                    other.create_upload(make_upload())
                    append(other, (0, 10), (10, 10))

            with monkeypatch.context() as patch:
                before_each_request(patch, overtake)
                store.delete_upload("u1", now=NOW)
            if count < point:
                assert point > 6
                break
            assert store.get_upload("u1").status is UploadStatus.OPEN
            chunks = store.list_chunks("u1", limit=9)
            assert [chunk.offset for chunk in chunks] == [0, 10]
            condemned = {each.token for each in store.mark_garbage(unused_before=LATER, limit=50)}
            assert not condemned & {chunk.token for chunk in chunks}
            cleared(store)
            assert documents(couchdb_url) == []


def test_a_writer_that_comes_after_the_deletion_holds_no_bytes(
    couchdb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It claims a chunk between the deletion's look for claims and its end, and dies."""
    with opened(couchdb_url) as store, opened(couchdb_url) as other:
        store.create_upload(make_upload())
        chunk: Chunk = chunk_of(store, 0)
        bulk, claimed = Database.bulk, False

        def overtaken(self: Database, written: Any, **options: Any) -> Any:
            nonlocal claimed
            rows = bulk(self, written, **options)
            if not claimed and any(isinstance(each, dict) and each.get("kind") == "ref" for each in written):
                claimed = True
                assert other.delete_upload("u1", now=NOW)
            return rows

        monkeypatch.setattr(Database, "bulk", overtaken)
        with pytest.raises(UploadNotFound):
            store.append_chunks("u1", [chunk], expires_at=NOW)
        assert claimed
        assert cleared(store) == {chunk.token}
    assert documents(couchdb_url) == []


def test_an_old_and_a_new_copy_of_the_same_bytes_are_told_apart(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        store.create_upload(make_upload())
        old = chunk_of(store, 0)
        store.forget_garbage(store.mark_garbage(unused_before=LATER, limit=9))
        new = replace(chunk_of(store, 0), offset=10)
        for chunks in ([old, new], [replace(new, offset=0), replace(old, offset=10)]):
            with pytest.raises(ChunkGone):
                store.append_chunks("u1", chunks, expires_at=NOW)
        assert store.append_chunks("u1", [new], expires_at=NOW).received == 10
        assert store.mark_garbage(unused_before=LATER, limit=9) == [], "from now on it is known to be named"
        store.delete_upload("u1", now=NOW)
        assert cleared(store) == {new.token}
    assert documents(couchdb_url) == []


def test_the_document_of_an_upload_does_not_grow_with_its_chunks(couchdb_url: str) -> None:
    with opened(couchdb_url) as store:
        store.create_upload(make_upload(size=None))
        sizes = []
        for number in range(0, 60, 2):
            append(store, (number, 1))
            document = store._uploads.get("upload-" + b"u1".hex())
            assert document is not None
            sizes.append(len(document["state"]))
        assert max(sizes) - min(sizes) < 50
        assert len(store.ranges("u1")) == 30


def test_a_database_of_before_there_were_uploads_gets_what_it_lacks(couchdb_url: str) -> None:
    name = location_of(couchdb_url).database
    with opened(couchdb_url), raw(couchdb_url) as ask:
        layout = ask("GET", f"{name}_state", "layout")
        assert layout.pop("uploads") == UPLOADS.name
        ask("PUT", f"{name}_state", "layout", body=layout)
        ask("DELETE", f"{name}_uploads")
    with opened(couchdb_url) as store:
        assert store.schema_faults() == []
        store.create_upload(make_upload())
        assert [each.upload_id for each in store.open_uploads("ann", limit=9)] == ["u1"]
