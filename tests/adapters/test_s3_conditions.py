"""Servers that keep no conditions, and what is found out about a server."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from storage_adapters import BlobExists, BlobInfo, NoAddress, StorageUnavailable
from storage_adapters.blobs.s3 import S3BlobStore
from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.claims import LEASE_SECONDS, Claims
from storage_adapters.blobs.s3.conditions import Conditions
from storage_adapters.blobs.s3.objects import OWN, PLACEHOLDER, S3Object
from storage_adapters.blobs.s3.writer import PART
from tests.adapters.s3_buckets import opened
from tests.contract.blob_listing import ConditionalDeletionContract
from tests.contract.blob_scenes import KEY, NOW, in_threads, is_absent, put, read
from tests.servers.seaweedfs import SeaweedFS
from tests.waiting import PATIENCE_SECONDS, wait_until

BIG = bytes(PART + 1)


@pytest.fixture
def store(seaweedfs: SeaweedFS) -> Iterator[S3BlobStore]:
    with opened(seaweedfs.store_url(conditions="none")) as store:
        yield store


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pass_the_lease(store: S3BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the server's clock stand so far ahead that each object is as old as a lease is long."""
    head = store._api.head

    def much_later(name: str) -> S3Object:
        found = head(name)
        return replace(found, answered_at=found.modified_at + LEASE_SECONDS * 1000)

    monkeypatch.setattr(store._api, "head", much_later)


class TestS3BlobStoreByClaims(ConditionalDeletionContract):
    pass


def test_by_claims_one_of_concurrent_writers_wins_and_leaves_no_claim(store: S3BlobStore) -> None:
    def write(number: int) -> object:
        return put(store, content=BIG if number == 1 else b"%d" % number)

    for _ in range(3):
        results = in_threads(3, write)
        assert sorted(type(each).__name__ for each in results) == ["BlobExists", "BlobExists", "BlobInfo"], results
        [won] = [each for each in results if isinstance(each, BlobInfo)]
        assert store.head(KEY).generation == won.generation
        assert all(each.info.generation == won.generation for each in results if isinstance(each, BlobExists))
        store.delete(KEY)
    assert not store._api.listing(prefix=store._location.name_of(f"{OWN}claims/"), after="", limit=10)


def test_by_claims_there_is_no_signed_put(store: S3BlobStore) -> None:
    with pytest.raises(NoAddress, match="conditions"):
        store.sign("PUT", KEY, expires_at=NOW, content_type="a/b", size=1)
    assert store.sign("GET", KEY, expires_at=NOW).method == "GET"


def test_the_server_is_asked_once_and_once_more_in_a_new_bucket(seaweedfs: SeaweedFS) -> None:
    with opened(seaweedfs.store_url()) as store:
        asked: list[str | None] = []
        api = WatchedApi(store._api, asked)
        for _ in range(2):
            conditions = Conditions(api, store._location.name_of, ask=True)  # type: ignore[arg-type]
            assert conditions.are_kept()
            assert conditions.are_kept()
        assert asked == ["", "", ""]
        assert conditions.is_tree()
        assert is_absent(store)
        assert store.scan(limit=10) == []


def test_a_server_that_writes_over_what_is_there_is_found_out(seaweedfs: SeaweedFS) -> None:
    with opened(seaweedfs.store_url()) as store:
        api = WatchedApi(store._api, [], keeps=False)
        assert not Conditions(api, store._location.name_of, ask=True).are_kept()  # type: ignore[arg-type]


class WatchedApi:
    """A server that may ignore conditions, and what it was asked."""

    def __init__(self, api: S3Api, asked: list[str | None], *, keeps: bool = True) -> None:
        self._api, self._asked, self._keeps = api, asked, keeps
        self.listing = api.listing

    def put(self, name: str, content: bytes, *, over: str | None = "", **how: object) -> S3Object:
        self._asked.append(over)
        return self._api.put(name, content, over=over if self._keeps else None, **how)  # type: ignore[arg-type]


def test_a_claim_waits_for_the_other_and_for_no_dead_one(store: S3BlobStore) -> None:
    claims = Claims(store._api, store._location.name_of)
    order: list[str] = []
    entered = threading.Event()

    def second() -> None:
        entered.wait(60)
        with claims.held("name"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with claims.held("name"):
        entered.set()
        # The other one has claimed, and waits.
        folder = store._location.name_of(f"{OWN}claims/name/")
        wait_until(lambda: len(store._api.listing(prefix=folder, after="", limit=10)) > 1, seconds=PATIENCE_SECONDS)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]


def test_others_that_keep_a_name_are_not_waited_for_without_end(store: S3BlobStore) -> None:
    seconds = iter(range(0, 10_000, 30))
    impatient = Claims(store._api, store._location.name_of, sleep=lambda _: None, timer=lambda: next(seconds))
    with (
        Claims(store._api, store._location.name_of).held("name"),
        pytest.raises(StorageUnavailable, match="others"),
        impatient.held("name"),
    ):
        raise AssertionError
    with impatient.held("name"):
        pass


def test_a_claim_of_a_dead_process_expires(store: S3BlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = store._location.name_of(f"{OWN}claims/name/")
    store._api.put(folder + "0" * 32, b"", sha256=sha256(b""), content_type="", metadata={}, over=None)
    pass_the_lease(store, monkeypatch)
    with Claims(store._api, store._location.name_of).held("name"):
        assert len(store._api.listing(prefix=folder, after="", limit=10)) == 1


def test_the_placeholder_of_a_dead_writer_is_no_blob_and_goes_in_time(
    seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(seaweedfs.store_url()) as store:
        name = store._location.name_of(KEY)
        store._api.put(name, b"x", sha256=sha256(b"x"), content_type="", metadata={PLACEHOLDER: "dead"})
        assert is_absent(store)
        assert store.scan(limit=10) == []
        pass_the_lease(store, monkeypatch)
        put(store)
        assert read(store) == b"some bytes"
