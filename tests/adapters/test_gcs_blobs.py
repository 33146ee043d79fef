"""The blob store on Google Cloud Storage: the contract on the verifying fake, and what only this store has to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from storage_adapters import BlobExists, BlobNotFound, BlobStore, ChecksumMismatch, StorageDenied, StorageUnavailable
from storage_adapters.blobs.gcs import GcsBlobStore
from storage_adapters.blobs.gcs.writer import CHUNK
from tests.adapters.big_blobs import BIG, put_big
from tests.adapters.gcs_buckets import open_store, running_fake
from tests.contract.blob_scenes import KEY, MIB, NOW, checksums, is_absent, put, read
from tests.contract.blobs import (
    BlobStoreContract,
    CopyContract,
    ListingContract,
    PublicUrlsContract,
    ReplacementContract,
    ResumableUploadContract,
    SignedUrlsContract,
)
from tests.fakes.gcs import FakeGcs
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def store(bucket: GcsBlobStore) -> GcsBlobStore:
    return bucket


class TestGcsBlobStore(
    BlobStoreContract,
    CopyContract,
    ListingContract,
    SignedUrlsContract,
    ResumableUploadContract,
    ReplacementContract,
):
    pass


class TestPublicGcsBlobStore(PublicUrlsContract):
    @pytest.fixture
    def store(self, fake: FakeGcs) -> Iterator[BlobStore]:
        opened = open_store("gs://files?public=policy", fake.url)
        yield opened
        opened.close()


class TestGcsBlobStoreUnderAPrefix(ListingContract, CopyContract):
    @pytest.fixture
    def store(self, fake: FakeGcs) -> Iterator[BlobStore]:
        neighbour = open_store("gs://files/media-2", fake.url)
        put(neighbour, "a/b")
        neighbour.close()
        opened = open_store("gs://files/media", fake.url)
        yield opened
        opened.close()


def test_a_big_blob_goes_up_in_chunks_and_is_described_as_a_small_one(fake: FakeGcs, store: GcsBlobStore) -> None:
    put_big(store, size=len(BIG), **checksums(BIG))
    info = store.head(KEY)
    assert (info.size, info.created_at) == (len(BIG), NOW)
    assert {name: getattr(info, name) for name in ("md5", "crc32c", "sha256")} == checksums(BIG)
    assert read(store) == BIG
    assert fake.requests("PUT", "/upload/") == -(-len(BIG) // CHUNK)


def test_a_big_blob_that_is_wrong_is_never_visible(fake: FakeGcs, store: GcsBlobStore) -> None:
    fake.pubsub.published.clear()
    with pytest.raises(ChecksumMismatch):
        put_big(store, size=len(BIG) + 1)
    assert is_absent(store)
    assert (fake.pubsub.published, fake.requests("DELETE", "/upload/")) == ([], 1)


def test_cut_connections_and_lost_answers_do_no_harm(fake: FakeGcs, store: GcsBlobStore) -> None:
    fake.faults.cut_upload_at(MIB, 5 * MIB, 6 * MIB)
    fake.faults.lose_final_answer()
    fake.faults.fail(503, times=2, method="PUT", part_of_path="/upload/")
    put_big(store, **checksums(BIG))
    assert fake.faults.left == 0
    assert read(store) == BIG


def test_a_writer_that_is_beaten_half_way_says_so_at_the_end(store: GcsBlobStore) -> None:
    slow = store.writer(KEY, content_type="video/mp4", now=NOW)
    fast = put(store)
    slow.write(BIG)
    slow.write(BIG)
    with pytest.raises(BlobExists) as caught:
        slow.commit(declared={})
    assert caught.value.info == fast


def test_a_download_goes_on_after_a_cut_and_never_in_another_generation(fake: FakeGcs, store: GcsBlobStore) -> None:
    put_big(store)
    fake.faults.cut_download_at(3 * MIB, 2 * MIB)
    assert read(store) == BIG
    fake.faults.cut_download_at(3 * MIB)
    reading = store.get(KEY, offset=5, length=8 * MIB)
    first = next(reading)
    store.delete(KEY)
    put(store, content=bytes(len(BIG)))
    with pytest.raises(StorageUnavailable, match="deleted while it was read"):
        list(reading)
    assert first == BIG[5 : 5 + len(first)]


def test_objects_of_others_are_seen_as_they_are(fake: FakeGcs, store: GcsBlobStore) -> None:
    put(store, "a/b")
    put(store, "a/c")
    joined = store._api._bucket.blob("a/d")
    joined.content_type = "video/mp4"
    joined.compose([store._api.find("a/b"), store._api.find("a/c")], if_generation_match=0)
    info = store.head("a/d")
    assert (info.md5, info.sha256, info.crc32c) == (None, None, checksums(b"some bytes" * 2)["crc32c"])
    assert info.created_at == pytest.approx(fake.now() * 1000, abs=60_000)
    store._api._bucket.blob("not.a key").upload_from_string(b"", if_generation_match=0)
    assert [each.key for each in store.scan(limit=10)] == ["a/b", "a/c", "a/d", "not.a key"]


def test_a_blob_is_never_written_or_deleted_without_a_condition(
    fake: FakeGcs, store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str, str]] = []
    respond = fake.respond

    def watch(request: object) -> object:
        seen.append((request.method, request.path, request.raw_query))  # type: ignore[attr-defined]
        return respond(request)  # type: ignore[arg-type]

    monkeypatch.setattr(fake, "respond", watch)
    put(store)
    put_big_key = store.put("big", [BIG], content_type="a/b", now=NOW)
    store.copy("big", "copied", now=NOW)
    store.delete("copied")
    store.delete("big", generation=put_big_key.generation)
    store.delete_many([KEY, "copied"])
    assert is_absent(store)
    assert [method for method, _, _ in seen].count("DELETE") == 3
    for method, path, query in seen:
        if method != "GET" and not path.startswith("/batch") and "upload_id=" not in query:
            assert "ifGenerationMatch=" in query, (method, query)


def test_a_prefix_stands_before_each_key(fake: FakeGcs, store: GcsBlobStore) -> None:
    prefixed = open_store("gs://files/media/raw", fake.url)
    put(prefixed, "a/b", b"content")
    assert "media/raw/a/b" in fake.objects.bucket("files").objects
    assert prefixed.head("a/b").key == "a/b"
    with pytest.raises(BlobNotFound):
        store.head("a/b")
    prefixed.close()


def test_objects_say_how_browsers_and_caches_treat_them(fake: FakeGcs, store: GcsBlobStore) -> None:
    types = {"image/png": "inline", "image/svg+xml": "attachment", "text/html": "attachment", "a/b": "attachment"}
    for number, content_type in enumerate(types):
        store.put(f"small/{number}", [b"x"], content_type=content_type, now=NOW)
    store.put("big", [BIG], content_type="video/mp4", now=NOW)
    store.copy("big", "copied", now=NOW)
    begun = store.start_upload("sent", content_type="text/html", size=1, now=NOW)
    assert requests.put(begun.url, data=b"x", timeout=PATIENCE_SECONDS).status_code == 200
    described = {name: stored.described for name, stored in fake.objects.bucket("files").objects.items()}
    assert {each["cacheControl"] for each in described.values()} == {"private, max-age=900, immutable"}
    dispositions = [described[f"small/{number}"]["contentDisposition"] for number in range(len(types))]
    assert dispositions == list(types.values())
    assert [described[name]["contentDisposition"] for name in ("big", "copied", "sent")] == [
        "inline",
        "inline",
        "attachment",
    ]


def test_where_requesters_pay_each_request_says_who_does() -> None:
    with running_fake(requester_pays=True) as fake:
        nobody = open_store("gs://files", fake.url)
        for ask in (lambda: put(nobody), lambda: nobody.head(KEY), lambda: nobody.get(KEY)):
            with pytest.raises(StorageDenied, match="user_project"):
                ask()
        nobody.close()
        store = open_store("gs://files?user_project=payer-1", fake.url)
        put(store)
        put_big_info = store.put("big", [BIG], content_type="video/mp4", now=NOW)
        assert read(store) == b"some bytes"
        store.copy("big", "copied", now=NOW)
        assert len(store.scan(limit=10)) == 3
        store.ping()
        later = int(fake.now() * 1000) + 900_000
        for method in ("GET", "HEAD"):
            signed = store.sign(method, KEY, expires_at=later)
            assert requests.request(method, signed.url, timeout=PATIENCE_SECONDS).status_code == 200
        sent = store.sign("PUT", "sent", expires_at=later, content_type="a/b", size=1)
        assert requests.put(sent.url, data=b"x", headers=sent.headers, timeout=PATIENCE_SECONDS).status_code == 200
        begun = store.start_upload("begun", content_type="a/b", size=1, now=NOW)
        assert requests.put(begun.url, data=b"x", timeout=PATIENCE_SECONDS).status_code == 200
        store.delete("big", generation=put_big_info.generation)
        store.delete_many([KEY, "copied", "sent", "begun"])
        assert fake.objects.bucket("files").objects == {}
        store.close()
