"""Domains that uploads of several owners share: one copy of the same bytes, which goes only after the last of them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from storage_adapters import Chunk, ChunkGone, SupportsUploads, Upload
from tests.contract.blob_scenes import in_threads
from tests.contract.upload_scenes import AA, LATER, NOW, append, chunk_of, make_upload

# Longer than any owner.
SHARED, OTHER = "shared ".ljust(90, "."), "other ".ljust(90, ".")


def shared_upload(store: SupportsUploads, owner: str, domain: str = SHARED) -> Upload:
    return store.create_upload(make_upload(f"of-{owner}", owner=owner, size=20, chunk_domain=domain))


def keep(store: SupportsUploads, owner: str, offset: int = 0, domain: str = SHARED) -> Chunk:
    chunk = chunk_of(store, offset, owner=domain)
    store.append_chunks(f"of-{owner}", [chunk], expires_at=NOW)
    return chunk


class ChunkDomainContract:
    """The part of the contract of ``SupportsUploads`` that is about domains. Subclasses give ``store``."""

    def test_an_upload_keeps_its_domain_through_every_change(self, store: SupportsUploads) -> None:
        made = shared_upload(store, "ann")
        assert (made.chunk_domain, made.domain, made.owner) == (SHARED, SHARED, "ann")
        assert store.create_upload(replace(made, chunk_domain=OTHER)) == made
        for offset in (0, 10):
            keep(store, "ann", offset)
        sealed = store.seal_upload("of-ann", sealed_at=NOW, sha256=None, md5=None)
        assert sealed.chunk_domain == store.get_upload("of-ann").chunk_domain == SHARED
        assert make_upload().domain == "ann"

    def test_a_listed_chunk_tells_its_domain(self, store: SupportsUploads) -> None:
        shared_upload(store, "ann")
        store.create_upload(make_upload())
        append(store, (0, 10), (10, 10))
        for offset in (0, 10):
            keep(store, "ann", offset)
        for offset in (0, 5, 10):
            assert {each.chunk_domain for each in store.list_chunks("of-ann", offset=offset, limit=9)} == {SHARED}
            assert {each.chunk_domain for each in store.list_chunks("u1", offset=offset, limit=9)} == {""}

    def test_the_same_bytes_have_one_place_per_domain(self, store: SupportsUploads) -> None:
        [first] = store.reserve_chunks(SHARED, [AA], now=NOW)
        assert store.reserve_chunks(SHARED, [AA], now=NOW) == [first]
        others = [store.reserve_chunks(each, [AA], now=NOW)[0].token for each in ("ann", OTHER)]
        assert len({first.token, *others}) == 3
        assert store.chunk_tokens(SHARED, [AA]) == [first.token]

    def test_bytes_of_two_owners_go_when_neither_names_them(self, store: SupportsUploads) -> None:
        for owner in ("ann", "bob"):
            shared_upload(store, owner)
        chunk = keep(store, "ann")
        assert keep(store, "bob") == chunk
        assert store.delete_upload("of-ann", now=NOW)
        assert store.mark_garbage(unused_before=LATER, limit=9) == []
        assert store.list_chunks("of-bob", limit=9) == [chunk]
        assert store.delete_upload("of-bob", now=NOW)
        [garbage] = store.mark_garbage(unused_before=LATER, limit=9)
        assert (garbage.domain, garbage.object_id, garbage.token) == (SHARED, chunk.object_id, chunk.token)
        store.forget_garbage([garbage])
        assert store.mark_garbage(unused_before=LATER, limit=9) == []

    def test_a_place_of_another_domain_can_not_be_named(self, store: SupportsUploads) -> None:
        shared_upload(store, "ann")
        store.create_upload(make_upload("plain"))
        for upload_id, domain in (("of-ann", "ann"), ("of-ann", OTHER), ("plain", SHARED)):
            with pytest.raises(ChunkGone):
                store.append_chunks(upload_id, [chunk_of(store, 0, owner=domain)], expires_at=NOW)
        assert store.list_chunks("of-ann", limit=9) == store.list_chunks("plain", limit=9) == []

    def test_an_id_that_comes_back_has_the_domain_it_is_made_with(self, store: SupportsUploads) -> None:
        shared_upload(store, "ann")
        keep(store, "ann")
        for domain in ("", OTHER, SHARED):
            store.delete_upload("of-ann", now=NOW)
            assert shared_upload(store, "ann", domain).chunk_domain == domain
            chunk = keep(store, "ann", domain=domain or "ann")
            assert store.list_chunks("of-ann", limit=9) == [chunk]

    def test_open_uploads_are_those_of_the_owner_not_of_the_domain(self, store: SupportsUploads) -> None:
        for owner in ("ann", "bob"):
            shared_upload(store, owner)
        assert [each.upload_id for each in store.open_uploads("ann", limit=9)] == ["of-ann"]
        assert store.open_uploads(SHARED, limit=9) == []

    def test_owners_that_name_a_place_and_the_sweep_never_both_win(self, store: SupportsUploads) -> None:
        """Owners name the same bytes and delete their uploads again while others mark garbage as fast as they can."""

        def run(index: int) -> list[str]:
            tokens: list[str] = []
            for turn in range(4):
                if index >= 3:
                    tokens += [each.token for each in store.mark_garbage(unused_before=LATER, limit=50)]
                    continue
                shared_upload(store, str(index))
                for offset in (0, 10):
                    with suppress(ChunkGone):
                        keep(store, str(index), offset)
                if turn < 3:
                    store.delete_upload(f"of-{index}", now=NOW)
            return tokens

        garbage: set[str] = set()
        for tokens in in_threads(4, run):
            assert isinstance(tokens, list), tokens
            garbage.update(tokens)
        named = {each.token for index in range(3) for each in store.list_chunks(f"of-{index}", limit=9)}
        assert not named & garbage
        for index in range(3):
            store.delete_upload(f"of-{index}", now=NOW)
        assert named <= {each.token for each in store.mark_garbage(unused_before=LATER, limit=200)}
