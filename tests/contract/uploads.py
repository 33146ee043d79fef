"""The contract of ``SupportsUploads``: upload state, manifests, and chunks that are stored once and cleared safely."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest

from storage_adapters import (
    Chunk,
    ChunkGone,
    SupportsUploads,
    UploadConflict,
    UploadNotFound,
    UploadStatus,
)
from tests.contract.blob_scenes import in_threads
from tests.contract.chunk_domains import ChunkDomainContract
from tests.contract.upload_expiry import UploadExpiryContract
from tests.contract.upload_scenes import AA, BB, LATE, LATER, NOW, append, chunk_of, make_upload


class UploadsContract(UploadExpiryContract, ChunkDomainContract):
    """For stores that keep uploads. Subclasses give ``store``."""

    def test_an_upload_is_found_as_it_was_made(self, store: SupportsUploads) -> None:
        made = store.create_upload(make_upload(details={"name": "é", "tags": ["x"], "n": None}))
        assert made == store.get_upload("u1")
        assert made == make_upload(details={"name": "é", "tags": ["x"], "n": None})
        assert store.ranges("u1") == []
        assert store.list_chunks("u1", limit=10) == []

    def test_making_an_upload_twice_returns_the_first(self, store: SupportsUploads) -> None:
        first = store.create_upload(make_upload())
        assert store.create_upload(make_upload(size=7, owner="bob")) == first

    @pytest.mark.parametrize(
        "act",
        [
            lambda store: store.get_upload("u9"),
            lambda store: store.set_size("u9", 1),
            lambda store: store.annotate("u9", {}),
            lambda store: store.append_chunks("u9", [], expires_at=NOW),
            lambda store: store.seal_upload("u9", sealed_at=NOW, sha256=None, md5=None),
        ],
    )
    def test_what_was_never_made_is_not_found(self, store: SupportsUploads, act: object) -> None:
        with pytest.raises(UploadNotFound):
            act(store)  # type: ignore[operator]
        assert store.ranges("u9") == []
        assert store.list_chunks("u9", limit=1) == []
        assert not store.delete_upload("u9", now=NOW)

    def test_chunks_in_any_order_become_one_range(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=50))
        assert append(store, (20, 10)).contiguous == 0
        assert append(store, (40, 10)).received == 20
        assert store.ranges("u1") == [(20, 30), (40, 50)]
        assert append(store, (0, 5)).contiguous == 5
        assert store.ranges("u1") == [(0, 5), (20, 30), (40, 50)]
        assert append(store, (5, 15)).contiguous == 30
        upload = append(store, (30, 10))
        assert (upload.contiguous, upload.received, upload.chunks, upload.complete) == (50, 50, 5, True)
        assert store.ranges("u1") == [(0, 50)]
        listed = store.list_chunks("u1", limit=10)
        assert [(chunk.offset, chunk.size) for chunk in listed] == [(0, 5), (5, 15), (20, 10), (30, 10), (40, 10)]

    def test_the_list_begins_with_the_chunk_that_holds_the_offset(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=50))
        append(store, (0, 10), (10, 10), (40, 10))

        def offsets(offset: int, limit: int = 10) -> list[int]:
            return [chunk.offset for chunk in store.list_chunks("u1", offset=offset, limit=limit)]

        assert offsets(0) == [0, 10, 40]
        assert offsets(9) == [0, 10, 40]
        assert offsets(10) == [10, 40]
        assert offsets(20) == offsets(45) == [40]
        assert offsets(50) == []
        assert offsets(0, limit=2) == [0, 10]

    def test_a_chunk_named_twice_is_named_once(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        chunk = chunk_of(store, 0)
        store.append_chunks("u1", [chunk], expires_at=NOW)
        upload = store.append_chunks("u1", [chunk], expires_at=NOW)
        assert (upload.received, upload.chunks) == (10, 1)
        store.delete_upload("u1", now=NOW)
        assert len(store.mark_garbage(unused_before=LATER, limit=9)) == 1

    @pytest.mark.parametrize("place", [(0, 10), (5, 10), (-1 + 10, 2), (19, 1), (0, 30), (12, 3)])
    def test_bytes_that_are_there_are_not_replaced(self, store: SupportsUploads, place: tuple[int, int]) -> None:
        store.create_upload(make_upload())
        append(store, (0, 20))
        before = store.get_upload("u1")
        other = chunk_of(store, *place, content="other")
        with pytest.raises(UploadConflict):
            store.append_chunks("u1", [chunk_of(store, 20), other], expires_at=LATER)
        assert store.get_upload("u1") == before
        assert store.ranges("u1") == [(0, 20)]

    def test_nothing_lies_behind_the_end(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=15))
        with pytest.raises(UploadConflict):
            append(store, (0, 10), (10, 6))
        assert store.ranges("u1") == []
        assert append(store, (0, 10), (10, 5)).complete

    def test_a_size_is_said_once_and_not_below_what_came(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=None))
        assert not append(store, (10, 10)).complete
        for size in (0, 19):
            with pytest.raises(UploadConflict):
                store.set_size("u1", size)
        assert store.set_size("u1", 20).size == 20
        assert store.set_size("u1", 20).size == 20
        with pytest.raises(UploadConflict):
            store.set_size("u1", 21)
        assert append(store, (0, 10)).complete

    def test_an_empty_upload_is_complete_at_once(self, store: SupportsUploads) -> None:
        assert store.create_upload(make_upload(size=0)).complete
        assert store.seal_upload("u1", sealed_at=NOW, sha256=None, md5=None).status is UploadStatus.SEALED

    def test_details_are_merged(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        assert store.annotate("u1", {"b": {"c": 2}}).details == {"a": 1, "b": {"c": 2}}
        assert store.annotate("u1", {"a": None}).details == {"a": None, "b": {"c": 2}}

    def test_a_sealed_upload_takes_nothing_more(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=10))
        with pytest.raises(UploadConflict):
            store.seal_upload("u1", sealed_at=LATER, sha256=None, md5=None)
        append(store, (0, 10))
        sealed = store.seal_upload("u1", sealed_at=LATER, sha256="ab", md5="cd")
        assert (sealed.status, sealed.sealed_at) == (UploadStatus.SEALED, LATER)
        assert store.seal_upload("u1", sealed_at=NOW, sha256="ef", md5=None) == sealed
        assert append(store, (0, 10)).chunks == 1, "a repeated chunk is no new one"
        assert (store.get_upload("u1").sha256, store.get_upload("u1").md5) == ("ab", "cd")
        assert store.expired_uploads(now=LATER * 2, limit=10) == []
        assert store.open_uploads("ann", limit=10) == []

    def test_open_uploads_are_the_owners(self, store: SupportsUploads) -> None:
        for number in range(3):
            store.create_upload(make_upload(f"u{number}"))
        store.create_upload(make_upload("u9", owner="bob"))
        assert {each.upload_id for each in store.open_uploads("ann", limit=10)} == {"u0", "u1", "u2"}
        assert len(store.open_uploads("ann", limit=2)) == 2
        store.delete_upload("u1", now=NOW)
        assert {each.upload_id for each in store.open_uploads("ann", limit=10)} == {"u0", "u2"}

    def test_a_long_manifest_is_listed_and_deleted_to_its_end(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=2_500))
        ids = [sha256(f"{number % 1_250}".encode()).hexdigest() for number in range(2_500)]
        places = store.reserve_chunks("ann", ids, now=NOW)
        chunks = [
            Chunk(offset=number, size=1, object_id=place.object_id, token=place.token)
            for number, place in enumerate(places)
        ]
        for start in range(0, 2_500, 250):
            upload = store.append_chunks("u1", chunks[start : start + 250], expires_at=NOW)
        assert (upload.chunks, upload.contiguous) == (2_500, 2_500)
        assert store.list_chunks("u1", limit=3_000) == chunks
        assert store.list_chunks("u1", offset=2_499, limit=3) == chunks[-1:]
        assert store.delete_upload("u1", now=NOW)
        assert store.list_chunks("u1", limit=1) == []
        condemned = store.mark_garbage(unused_before=LATER, limit=2_000)
        assert {each.object_id for each in condemned} == set(ids)
        assert len(condemned) == 1_250

    def test_the_same_bytes_have_one_place_per_owner(self, store: SupportsUploads) -> None:
        first, second = store.reserve_chunks("ann", [AA, BB], now=NOW)
        assert (first.object_id, second.object_id, first.stored) == (AA, BB, False)
        assert first.token != second.token
        assert store.reserve_chunks("ann", [AA], now=LATER) == [first]
        assert store.reserve_chunks("bob", [AA], now=LATER)[0].token != first.token
        store.create_upload(make_upload())
        named = Chunk(offset=0, size=1, object_id=AA, token=first.token)
        store.append_chunks("u1", [named], expires_at=NOW)
        assert store.reserve_chunks("ann", [AA], now=NOW) == [replace(first, stored=True)]
        store.delete_upload("u1", now=NOW)
        assert store.reserve_chunks("ann", [AA], now=NOW) == [replace(first, stored=True)]

    def test_what_is_named_or_was_reserved_lately_is_not_condemned(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        store.create_upload(make_upload("u2"))
        append(store, (0, 10))
        append(store, (0, 10), (10, 10), upload_id="u2")
        store.reserve_chunks("ann", [LATE], now=LATER)
        store.delete_upload("u2", now=NOW)
        assert store.mark_garbage(unused_before=NOW, limit=9) == []
        [condemned] = store.mark_garbage(unused_before=LATER, limit=9)
        assert condemned.object_id == chunk_of(store, 10).object_id
        store.delete_upload("u1", now=LATER)
        assert {each.object_id for each in store.mark_garbage(unused_before=LATER + 1, limit=9)} == {
            condemned.object_id,
            chunk_of(store, 0).object_id,
            LATE,
        }

    def test_a_condemned_place_can_not_be_named_and_never_comes_back(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        chunk = chunk_of(store, 0)
        [condemned] = store.mark_garbage(unused_before=LATER, limit=9)
        assert condemned.token == chunk.token
        with pytest.raises(ChunkGone):
            store.append_chunks("u1", [chunk_of(store, 10), chunk], expires_at=NOW)
        assert store.get_upload("u1").chunks == 0
        fresh = chunk_of(store, 0)
        assert fresh.token != chunk.token
        with pytest.raises(ChunkGone):
            store.append_chunks("u1", [chunk], expires_at=NOW)
        assert store.append_chunks("u1", [fresh], expires_at=NOW).chunks == 1
        assert condemned in store.mark_garbage(unused_before=NOW, limit=9), "condemned until it is forgotten"
        store.forget_garbage([condemned])
        assert store.mark_garbage(unused_before=NOW, limit=9) == []

    def test_another_owners_place_can_not_be_named(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        with pytest.raises(ChunkGone):
            store.append_chunks("u1", [chunk_of(store, 0, owner="bob")], expires_at=NOW)

    def test_of_many_writers_at_one_place_one_wins(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload())
        chunks = [chunk_of(store, 0, content=f"content {number}") for number in range(8)]

        def write(index: int) -> bool:
            try:
                store.append_chunks("u1", [chunks[index]], expires_at=NOW)
            except UploadConflict:
                return False
            return True

        assert sorted(in_threads(8, write), key=bool) == [False] * 7 + [True]
        assert store.get_upload("u1").chunks == 1

    def test_writers_of_different_places_do_not_disturb_each_other(self, store: SupportsUploads) -> None:
        store.create_upload(make_upload(size=800))
        chunks = [chunk_of(store, 10 * number) for number in range(80)]

        def write(index: int) -> None:
            for number in range(index, 80, 8):
                store.append_chunks("u1", [chunks[number]], expires_at=NOW)

        in_threads(8, write)
        upload = store.get_upload("u1")
        assert (upload.contiguous, upload.received, upload.chunks) == (800, 800, 80)
        assert store.ranges("u1") == [(0, 800)]

    def test_a_place_is_named_or_condemned_and_never_both(self, store: SupportsUploads) -> None:
        """Eight writers reserve and name the same bytes again and again while others condemn as fast as they can."""
        for number in range(4):
            store.create_upload(make_upload(f"u{number}", size=None))

        def run(index: int) -> list[str]:
            tokens = []
            for turn in range(20):
                if index >= 4:
                    tokens += [each.token for each in store.mark_garbage(unused_before=LATER, limit=50)]
                    continue
                chunk = chunk_of(store, turn, size=1, content=f"shared {turn % 3}")
                with suppress(ChunkGone):
                    store.append_chunks(f"u{index}", [chunk], expires_at=NOW)
            return tokens

        condemned: set[str] = set()
        for tokens in in_threads(6, run):
            assert isinstance(tokens, list), tokens
            condemned.update(tokens)
        named = {c.token for number in range(4) for c in store.list_chunks(f"u{number}", limit=100)}
        assert not named & condemned
