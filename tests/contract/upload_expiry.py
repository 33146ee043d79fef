"""When an upload's time is over, and what then happens to one whose sender goes on at that very moment."""

from __future__ import annotations

from contextlib import suppress

import pytest

from storage_adapters import Chunk, SupportsUploads, UploadNotFound, UploadStatus
from tests.contract.blob_scenes import in_threads
from tests.contract.upload_scenes import AA, LATER, NOW, append, chunk_of, make_upload


class UploadExpiryContract:
    """The part of the contract of ``SupportsUploads`` that is about time. Subclasses give ``store``."""

    def test_chunks_prolong_an_upload_and_never_shorten_it(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        assert store.append_chunks("u1", [], expires_at=LATER).expires_at == LATER
        assert store.append_chunks("u1", [], expires_at=NOW).expires_at == LATER

    def test_expired_uploads_are_those_whose_time_is_over(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload("u1", expires_at=NOW))
        store.create_upload(make_upload("u2", expires_at=NOW + 1))
        assert [each.upload_id for each in store.expired_uploads(now=NOW, limit=10)] == ["u1"]
        store.append_chunks("u1", [], expires_at=NOW + 5)
        assert [each.upload_id for each in store.expired_uploads(now=NOW + 1, limit=10)] == ["u2"]
        assert len(store.expired_uploads(now=NOW + 9, limit=1)) == 1
        store.delete_upload("u1", now=NOW)
        assert [each.upload_id for each in store.expired_uploads(now=NOW + 9, limit=9)] == ["u2"]

    def test_only_an_expired_upload_is_deleted_where_only_that_is_asked_for(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=10, expires_at=NOW))
        assert not store.delete_upload("u1", now=NOW - 1, only_expired=True)
        store.append_chunks("u1", [chunk_of(store, 0)], expires_at=LATER)
        assert not store.delete_upload("u1", now=LATER - 1, only_expired=True)
        assert store.get_upload("u1").chunks == 1
        assert store.ranges("u1") == [(0, 10)]
        assert store.delete_upload("u1", now=LATER, only_expired=True)
        assert not store.delete_upload("u1", now=LATER, only_expired=True)
        with pytest.raises(UploadNotFound):
            store.get_upload("u1")
        assert len(store.mark_garbage(unused_before=LATER + 1, limit=9)) == 1

    def test_a_chunk_has_one_token_until_it_is_garbage_and_then_another(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=10, expires_at=NOW))
        named, reserved = chunk_of(store, 0), chunk_of(store, 10)
        store.append_chunks("u1", [named], expires_at=NOW)
        asked = [reserved.object_id, AA, named.object_id]
        assert store.chunk_tokens("ann", asked) == [reserved.token, None, named.token]
        assert store.chunk_tokens("bob", asked) == [None, None, None]
        assert store.chunk_tokens("ann", []) == []
        garbage = store.mark_garbage(unused_before=NOW + 1, limit=9)
        assert [each.token for each in garbage] == [reserved.token]
        assert store.chunk_tokens("ann", asked) == [None, None, named.token]
        assert chunk_of(store, 10).token != reserved.token

    def test_a_sealed_upload_has_no_time_that_could_be_over(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=10, expires_at=NOW))
        append(store, (0, 10))
        store.seal_upload("u1", sealed_at=NOW, sha256=None, md5=None)
        assert not store.delete_upload("u1", now=LATER * 2, only_expired=True)
        assert store.get_upload("u1").status is UploadStatus.SEALED
        assert store.delete_upload("u1", now=NOW)

    def test_an_upload_goes_on_or_is_deleted_and_never_both(self, store: SupportsUploads) -> None:
        """Who adds to it and who finds it expired come at the same time, again and again."""
        for number in range(12):
            upload_id = f"u{number}"
            store.create_upload(make_upload(upload_id, expires_at=NOW))
            chunk = chunk_of(store, 0)

            def run(index: int, upload_id: str = upload_id, chunk: Chunk = chunk) -> bool:
                if index:
                    return store.delete_upload(upload_id, now=NOW, only_expired=True)
                with suppress(UploadNotFound):
                    return store.append_chunks(upload_id, [chunk], expires_at=LATER).chunks == 1
                return False

            appended, deleted = in_threads(2, run)
            assert appended is not deleted
            assert bool(store.list_chunks(upload_id, limit=9)) is appended
