"""The store on Cloud Storage while requests fail: lost answers, missing rights, unavailable servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.auth.exceptions import RefreshError, TransportError

from storage_adapters import BlobExists, StorageDenied, StorageUnavailable
from storage_adapters.blobs.gcs import GcsBlobStore
from storage_adapters.blobs.gcs.pinging import Pinger
from storage_adapters.blobs.gcs.sessions import STEP, UploadSession
from storage_adapters.blobs.pinging import WRITE_SECONDS
from tests.adapters.big_blobs import BIG, put_big
from tests.adapters.gcs_buckets import EMAIL, open_store
from tests.contract.blob_scenes import KEY, NOW, checksums, put, read
from tests.fakes.gcs import FakeGcs
from tests.fakes.gcs.objects import StoredObject


@pytest.fixture
def store(bucket: GcsBlobStore) -> GcsBlobStore:
    return bucket


def test_a_server_that_keeps_refusing_is_unavailable(fake: FakeGcs) -> None:
    store = open_store("gs://files?timeout=2", fake.url)
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
    store = open_store("gs://files?timeout=2", fake.url)
    generations = {KEY: put(store).generation}
    for part in ("/batch", "/o/"):
        fake.faults.fail(503, times=100, part_of_path=part)
        with pytest.raises(StorageUnavailable, match="503"):
            store.delete_many([KEY], generations=generations)
        fake.faults.clear()
    store.close()


def test_a_bucket_that_lists_and_refuses_writes_is_not_ready(fake: FakeGcs, store: GcsBlobStore) -> None:
    fake.faults.fail(403, method="POST")
    with pytest.raises(StorageDenied, match="403"):
        store.ping()
    store.ping()
    assert store.scan(limit=10) == []
    begun = [session.cancelled for session in fake.sessions.sessions.values() if session.name.endswith(".files/ping")]
    assert begun
    assert all(begun)


def test_pings_begin_an_upload_once_in_a_while(fake: FakeGcs, store: GcsBlobStore) -> None:
    moment = 0.0
    pinger = Pinger(store._api, store._location.name_of, timer=lambda: moment)
    pinger.ping()
    fake.faults.fail(403, times=2, method="POST")
    moment = WRITE_SECONDS - 1
    pinger.ping()
    moment = WRITE_SECONDS
    # What has failed is tried again at once.
    for _ in range(2):
        with pytest.raises(StorageDenied):
            pinger.ping()
    pinger.ping()


CALLS: dict[str, Callable[[GcsBlobStore], object]] = {
    "head": lambda store: store.head(KEY),
    "get": lambda store: store.get(KEY),
    "get nothing": lambda store: store.get(KEY, length=0, generation="1"),
    "writer": lambda store: store.writer("other", content_type="a/b", now=NOW),
    "small put": lambda store: put(store, "other"),
    "big put": lambda store: store.put("other", [BIG], content_type="a/b", now=NOW),
    "delete": lambda store: store.delete(KEY),
    "delete a generation": lambda store: store.delete(KEY, generation="1"),
    "delete many": lambda store: store.delete_many([KEY]),
    "delete many generations": lambda store: store.delete_many([KEY], generations={KEY: "1"}),
    "copy": lambda store: store.copy(KEY, "other", now=NOW),
    "scan": lambda store: store.scan(limit=1),
    "ping": lambda store: store.ping(),
    "start upload": lambda store: store.start_upload("other", content_type="a/b", size=1, now=NOW),
}


LATER_REQUESTS = [
    ("big put", {"method": "POST", "part_of_path": "/upload/"}),
    ("big put", {"method": "PUT", "part_of_path": "/upload/"}),
    ("big put", {"method": "PATCH"}),
    ("small put", {"method": "POST"}),
    ("delete", {"method": "DELETE"}),
    ("delete many", {"method": "POST", "part_of_path": "/batch"}),
    ("delete many", {"method": "DELETE"}),
    ("copy", {"method": "POST"}),
    ("ping", {"method": "POST", "part_of_path": "/upload/"}),
]


@pytest.mark.parametrize(("name", "refused"), LATER_REQUESTS)
def test_a_later_request_that_is_refused_is_a_denial(
    fake: FakeGcs, store: GcsBlobStore, name: str, refused: dict[str, Any]
) -> None:
    put(store)
    fake.faults.fail(403, **refused)
    with pytest.raises(StorageDenied, match="403"):
        CALLS[name](store)


@pytest.mark.parametrize("name", CALLS)
def test_the_first_request_that_is_refused_is_a_denial(fake: FakeGcs, store: GcsBlobStore, name: str) -> None:
    put(store)
    fake.faults.fail(403)
    with pytest.raises(StorageDenied, match="403"):
        CALLS[name](store)


def test_a_missing_right_to_sign_is_a_denial(fake: FakeGcs) -> None:
    fake.add_service_account(EMAIL)
    store = open_store(f"gs://files?signer={EMAIL}", fake.url, hmac=False)
    fake.faults.fail(403, part_of_path="signBlob")
    with pytest.raises(StorageDenied, match="403"):
        store.sign("GET", KEY, expires_at=NOW)
    store.close()


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
