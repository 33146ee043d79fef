"""Broken connections, lost answers, servers that are slow or have too much to do: nothing acknowledged is lost."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.retries import standard
from botocore.stub import Stubber

from storage_adapters import (
    BlobExists,
    BlobNotFound,
    BlobOptions,
    NoAnswerInTime,
    StorageDenied,
    StorageFull,
    StorageUnavailable,
    UnknownStore,
)
from storage_adapters.blobs.pinging import WRITE_SECONDS
from storage_adapters.blobs.s3 import S3BlobStore, writer
from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import ATTEMPTS
from storage_adapters.blobs.s3.pinging import Pinger
from tests.adapters.s3_buckets import OPTIONS, opened
from tests.contract.blob_parts import begin, send
from tests.contract.blob_scenes import KEY, is_absent, put, read
from tests.scale import NIGHTLY
from tests.servers.faulty import FaultyProxy
from tests.servers.seaweedfs import SeaweedFS

# The least that a server takes for a part but the last.
PART = 5 * 1024 * 1024
BIG = bytes(range(256)) * (PART // 256) + b"more than a part"
SMALL = b"some bytes"
FAULTS = ("reset before", "bad gateway", "cut answer", "slow down", "reset after")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat without a pause; that there are pauses is botocore's to test. Parts are as small as can be."""
    monkeypatch.setattr(writer, "PART", PART)
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0)


@pytest.fixture
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultyProxy]:
    with FaultyProxy(int(urlsplit(seaweedfs.endpoint).port or 0)) as proxy:
        yield proxy


@pytest.fixture
def store(seaweedfs: SeaweedFS, proxy: FaultyProxy) -> Iterator[S3BlobStore]:
    with opened(seaweedfs.store_url(f"http://127.0.0.1:{proxy.port}")) as store:
        # Asked once per process, and no part of what is counted.
        put(store, "first")
        yield store


def write_small(store: S3BlobStore, key: str) -> None:
    put(store, key, SMALL)


def write_big(store: S3BlobStore, key: str) -> None:
    put(store, key, BIG)


def copy(store: S3BlobStore, key: str) -> None:
    store.copy("first", key, now=1)


def complete(store: S3BlobStore, key: str) -> None:
    store.complete_upload(key, size=len(SMALL))


@pytest.mark.parametrize("fault", FAULTS if NIGHTLY else FAULTS[-2:])
@pytest.mark.parametrize("work", [write_small, write_big, copy, complete])
def test_a_fault_at_any_request_of_a_write_loses_and_doubles_nothing(
    store: S3BlobStore, proxy: FaultyProxy, fault: str, work: Callable[[S3BlobStore, str], None]
) -> None:
    number, met = 0, True
    # The last round meets no fault: the work has fewer requests.
    while met:
        number += 1
        key = f"key{number}"
        if work is complete:
            begun = store.start_upload(key, content_type="a/b", size=len(SMALL), now=int(time.time() * 1000))
            assert send(begun, 0, SMALL) == 200
        proxy.fail(number, fault)
        content = BIG if work is write_big else SMALL
        _until_done(partial(work, store, key))
        met = proxy.requests >= number
        proxy.heal()
        assert read(store, key) == content
        store.delete(key)
    assert number > 1


def _until_done(work: Callable[[], object]) -> None:
    """Do it as the service does: again after an error that passes, until it is done, perhaps before the error."""
    for attempt in range(3):
        try:
            work()
        except StorageUnavailable:
            continue
        except BlobExists:
            assert attempt, "nobody else writes here"
        return
    raise AssertionError("the fault does not pass")


@pytest.mark.parametrize("fault", [*FAULTS[:2], *FAULTS[3:], "cut body"])
def test_a_fault_while_a_blob_is_read_is_passed_over(store: S3BlobStore, proxy: FaultyProxy, fault: str) -> None:
    put(store, KEY, BIG)
    proxy.fail(1, fault)
    assert read(store) == BIG


def test_a_server_that_stays_busy_is_asked_a_bounded_number_of_times(store: S3BlobStore, proxy: FaultyProxy) -> None:
    proxy.fail_all("", "slow down")
    proxy.requests = 0
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        store.ping()
    assert proxy.requests == ATTEMPTS


def test_a_full_server_says_so(store: S3BlobStore, proxy: FaultyProxy) -> None:
    proxy.fail_all("PUT", "full")
    with pytest.raises(StorageFull):
        put(store)
    proxy.heal()
    assert is_absent(store)


def test_a_server_that_lists_and_refuses_writes_is_not_ready(store: S3BlobStore, proxy: FaultyProxy) -> None:
    proxy.fail_all("PUT", "full")
    with pytest.raises(StorageFull):
        store.ping()
    proxy.heal()
    store.ping()
    assert [info.key for info in store.scan(limit=10)] == ["first"]


def test_a_server_that_denies_writes_says_so(store: S3BlobStore, proxy: FaultyProxy) -> None:
    def tell(command: str, path: str, body: bytes, status: int, content: bytes) -> tuple[int, bytes]:
        return (403, b"<Error><Code>AccessDenied</Code></Error>") if command == "PUT" else (status, content)

    proxy.tell = tell
    with pytest.raises(StorageDenied):
        store.ping()


def test_pings_write_once_in_a_while(store: S3BlobStore, proxy: FaultyProxy) -> None:
    moment = 0.0
    pinger = Pinger(store._api, store._location.name_of, timer=lambda: moment)
    pinger.ping()
    proxy.fail_all("PUT", "full")
    moment = WRITE_SECONDS - 1
    pinger.ping()
    moment = WRITE_SECONDS
    # What has failed is tried again at once.
    for _ in range(2):
        with pytest.raises(StorageFull):
            pinger.ping()


def test_a_server_that_stands_still_is_given_up_in_time(seaweedfs: SeaweedFS) -> None:
    with opened(seaweedfs.store_url(timeout="0.2")) as store:
        put(store)
        [process] = seaweedfs.processes.values()
        process.pause()
        try:
            with pytest.raises(NoAnswerInTime):
                store.head(KEY)
        finally:
            process.resume()
        assert read(store) == SMALL


def test_nobody_listens() -> None:
    with opened("s3://bucket?endpoint=http://127.0.0.1:1") as store, pytest.raises(StorageUnavailable):
        store.head(KEY)


def test_a_missing_bucket_is_no_missing_blob(seaweedfs: SeaweedFS) -> None:
    with opened(f"s3://no-such-bucket?endpoint={seaweedfs.endpoint}") as store:
        for ask in (store.ping, lambda: store.head(KEY), lambda: store.get(KEY)):
            with pytest.raises(StorageUnavailable, match="bucket"):
                ask()


def test_a_wrong_secret_is_denied(seaweedfs: SeaweedFS) -> None:
    options = BlobOptions(s3_access_key_id=OPTIONS.s3_access_key_id, s3_secret_access_key="wrong")
    store = S3BlobStore.from_url(seaweedfs.store_url(), options)
    with pytest.raises(StorageDenied):
        put(store)
    with pytest.raises(StorageDenied):
        store.ping()
    store.close()


def test_no_request_is_anonymous(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(UnknownStore, match="credentials"):
        S3BlobStore.from_url("s3://bucket", BlobOptions())


def test_the_environment_has_credentials_too(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", OPTIONS.s3_access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OPTIONS.s3_secret_access_key)
    store = S3BlobStore.from_url(seaweedfs.store_url(), BlobOptions())
    with pytest.raises(BlobNotFound):
        store.head(KEY)
    store.close()


def test_what_an_upload_leaves_half_done_is_completed_by_the_next(store: S3BlobStore, proxy: FaultyProxy) -> None:
    begun = begin(store, SMALL)
    assert send(begun, 0, SMALL) == 200
    proxy.fail_all("POST", "reset before")
    with pytest.raises(StorageUnavailable):
        store.complete_upload(KEY, size=len(SMALL))
    assert is_absent(store)
    assert [info.key for info in store.scan(limit=10)] == ["first"]
    proxy.heal()
    assert store.complete_upload(KEY, size=len(SMALL)).size == len(SMALL)
    assert read(store) == SMALL


def test_a_server_that_does_not_say_when_uploads_began_completes_them(store: S3BlobStore, proxy: FaultyProxy) -> None:
    def tell(command: str, path: str, body: bytes, status: int, content: bytes) -> tuple[int, bytes]:
        return status, re.sub(rb"<Initiated>.*?</Initiated>", b"", content)

    proxy.tell = tell
    slow, fast = begin(store, SMALL), begin(store, SMALL)
    assert send(fast, 0, SMALL) == 200
    assert store.complete_upload(KEY, size=len(SMALL)).size == len(SMALL)
    assert send(slow, 0, SMALL) == 404


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (["AccessDenied"], StorageDenied),
        (["AccessDenied", "InternalError"], StorageUnavailable),
        (["InternalError"], StorageUnavailable),
    ],
)
def test_a_deletion_that_is_refused_for_ever_is_told_from_one_that_may_be_repeated(
    codes: list[str], error: type[Exception]
) -> None:
    client = boto3.client("s3", region_name="eu-1", aws_access_key_id="key", aws_secret_access_key="secret")
    with Stubber(client) as answers:
        failed = [{"Key": f"k{number}", "Code": code} for number, code in enumerate(codes)]
        answers.add_response("delete_objects", {"Errors": [*failed, {"Key": "gone", "Code": "NoSuchKey"}]})
        with pytest.raises(error) as caught:
            S3Api(client, "bucket").delete_many(["k0", "k1", "gone", "other"])
    assert type(caught.value) is error
