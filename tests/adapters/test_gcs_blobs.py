"""The blob store on Google Cloud Storage: the contract on the verifying fake, and what only this store has to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError, TransportError

from storage_adapters import BlobExists, BlobNotFound, BlobStore, ChecksumMismatch, StorageDenied, StorageUnavailable
from storage_adapters.blobs.gcs import GcsBlobStore
from storage_adapters.blobs.gcs.sessions import STEP, UploadSession
from storage_adapters.blobs.gcs.writer import CHUNK
from tests.adapters.gcs_buckets import open_store, running_fake
from tests.contract.blob_scenes import KEY, MIB, NOW, checksums, is_absent, put, read
from tests.contract.blobs import (
    BlobStoreContract,
    CopyContract,
    ListingContract,
    PublicUrlsContract,
    ResumableUploadContract,
    SignedUrlsContract,
)
from tests.fakes.gcs import FakeGcs
from tests.fakes.gcs.objects import StoredObject

BIG = bytes(range(256)) * 4096 * 9 + b"tail"


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGcs]:
    with running_fake() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeGcs) -> FakeGcs:
    """The fake of this module with an empty bucket and nothing planned."""
    server.objects.bucket("files").objects.clear()
    server.log.clear()
    server.faults.clear()
    return server


@pytest.fixture
def store(fake: FakeGcs) -> Iterator[GcsBlobStore]:
    opened = open_store("gs://files", fake.url)
    yield opened
    opened.close()


class TestGcsBlobStore(BlobStoreContract, CopyContract, ListingContract, SignedUrlsContract, ResumableUploadContract):
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


def put_big(store: BlobStore, **declared: object) -> None:
    store.put(KEY, [BIG[:7], BIG[7:MIB], BIG[MIB:]], content_type="video/mp4", now=NOW, declared=declared)


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


def test_a_server_that_keeps_refusing_is_unavailable(fake: FakeGcs) -> None:
    store = open_store("gs://files?timeout=0.5", fake.url)
    fake.faults.fail(503, times=100)
    with pytest.raises(StorageUnavailable, match="503"):
        store.head(KEY)
    with pytest.raises(StorageUnavailable, match="503"):
        store.writer(KEY, content_type="a/b", now=NOW)
    fake.faults.clear()
    fake.faults.fail(403, method="GET")
    with pytest.raises(StorageUnavailable, match="403"):
        store.head(KEY)
    store.close()


def test_a_bucket_that_is_not_there_is_no_missing_blob(fake: FakeGcs) -> None:
    store = open_store("gs://elsewhere", fake.url)
    for call in (lambda: store.head(KEY), store.ping, lambda: store.get(KEY), lambda: put(store)):
        with pytest.raises(StorageUnavailable, match="bucket does not exist"):
            call()
    store.close()


def lose_one_answer(fake: FakeGcs, monkeypatch: pytest.MonkeyPatch, method: str) -> list[StoredObject]:
    """Have a deed of the fake done, and the first time an error answered; returns what was done then."""
    deed = getattr(fake.objects, method)
    lost: list[StoredObject] = []

    def do_and_lose(*args: Any, **kwargs: Any) -> StoredObject:
        done: StoredObject = deed(*args, **kwargs)
        if not lost:
            lost.append(done)
            raise fake.unavailable()
        return done

    monkeypatch.setattr(fake.objects, method, do_and_lose)
    return lost


def test_an_upload_whose_answer_was_lost_is_known_again(
    fake: FakeGcs, store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_one_answer(fake, monkeypatch, "insert")
    info = put(store)
    assert str(lost[0].generation) == info.generation
    assert store.head(KEY) == info


def test_a_copy_whose_answer_was_lost_is_known_again(
    fake: FakeGcs, store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store)
    lost = lose_one_answer(fake, monkeypatch, "insert")
    info = store.copy(KEY, "a/copy", now=NOW)
    assert str(lost[0].generation) == info.generation
    with pytest.raises(BlobExists):
        store.copy(KEY, "a/copy", now=NOW)


def test_a_description_whose_answer_was_lost_is_known_again(
    fake: FakeGcs, store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = lose_one_answer(fake, monkeypatch, "change")
    put_big(store)
    assert len(lost) == 1
    assert store.head(KEY).sha256 == checksums(BIG)["sha256"]


def test_credentials_that_cannot_be_renewed_for_a_moment_do_no_harm(
    store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store._api.session.put
    failures = [TransportError("no answer"), RefreshError("no token")]

    def renewing(*args: Any, **kwargs: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*args, **kwargs)

    monkeypatch.setattr(store._api.session, "put", renewing)
    put_big(store)
    assert not failures
    assert read(store) == BIG


def test_credentials_that_cannot_be_renewed_are_an_error_of_ours(
    store: GcsBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_more: Any) -> Any:
        raise RefreshError("no token")

    for method in ("put", "delete"):
        monkeypatch.setattr(store._api.session, method, refuse)
    with pytest.raises(StorageUnavailable, match="RefreshError"):
        put_big(store)


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


def test_many_are_deleted_by_few_requests(fake: FakeGcs, store: GcsBlobStore) -> None:
    generations = {key: put(store, key).generation for key in (f"a/{number}" for number in range(250))}
    store.delete("a/7")
    fake.log.clear()
    fake.faults.fail(503, method="DELETE")
    store.delete_many(list(generations), generations=generations)
    assert fake.objects.bucket("files").objects == {}
    # One of three is sent again.
    assert (fake.requests("POST", "/batch"), len(fake.log)) == (4, 4)


def test_what_cannot_be_deleted_with_others_is_an_error_of_ours(fake: FakeGcs) -> None:
    store = open_store("gs://files?timeout=0.5", fake.url)
    generations = {KEY: put(store).generation}
    for part in ("/batch", "/o/"):
        fake.faults.fail(503, times=100, part_of_path=part)
        with pytest.raises(StorageUnavailable, match="503"):
            store.delete_many([KEY], generations=generations)
        fake.faults.clear()
    store.close()


def test_a_prefix_stands_before_each_key(fake: FakeGcs, store: GcsBlobStore) -> None:
    prefixed = open_store("gs://files/media/raw", fake.url)
    put(prefixed, "a/b", b"content")
    assert "media/raw/a/b" in fake.objects.bucket("files").objects
    assert prefixed.head("a/b").key == "a/b"
    with pytest.raises(BlobNotFound):
        store.head("a/b")
    prefixed.close()


def test_a_missing_right_and_a_retention_are_denials_and_no_outage(fake: FakeGcs, store: GcsBlobStore) -> None:
    put(store)
    for method, ask in (("GET", lambda: store.head(KEY)), ("DELETE", lambda: store.delete(KEY, generation="1"))):
        fake.faults.fail(403, method=method)
        with pytest.raises(StorageDenied, match="403"):
            ask()
    assert fake.faults.left == 0


class Resource:
    """An answer of Cloud Storage without the field "size"."""

    size, generation, name = None, 1, KEY
    metadata: dict[str, str] | None = None


def test_a_description_without_a_size_describes_no_bytes(store: GcsBlobStore) -> None:
    with pytest.raises(StorageUnavailable, match="lacks"):
        store._info(Resource())


class Forgetful(requests.Session):
    """A session server that leaves out the Range of one answer in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[str] = []
        self._answers = ["bytes=0-262143", None, "bytes=0-262143", "bytes=0-524287"]

    def put(self, url: str | bytes, data: Any = None, **kwargs: Any) -> requests.Response:
        self.ranges.append(kwargs["headers"]["Content-Range"])
        answer = requests.Response()
        answer.status_code = 308
        if (known := self._answers.pop(0)) is not None:
            answer.headers["Range"] = known
        return answer


def test_an_answer_without_a_range_in_the_middle_of_a_session_is_asked_about(store: GcsBlobStore) -> None:
    http = Forgetful()
    session = UploadSession(http, "http://127.0.0.1/session", 1, sleep=lambda seconds: None)
    for _ in range(2):
        session.send(bytes(STEP), last=False)
    assert http.ranges == [
        "bytes 0-262143/*",
        "bytes 262144-524287/*",
        "bytes */*",
        "bytes 262144-524287/*",
    ]
    assert session.received == 2 * STEP
