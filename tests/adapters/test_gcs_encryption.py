"""Encryption over a bucket of Cloud Storage."""

from __future__ import annotations

import itertools
from contextlib import closing
from typing import cast

import pytest
import requests

from files_service.runtime.clock import now_ms
from storage_adapters import (
    BlobExists,
    BlobInfo,
    BlobStore,
    NoAddress,
    StorageDenied,
    StorageUnavailable,
    SupportsResealing,
    SupportsResumableUpload,
    SupportsSignedUrls,
)
from storage_adapters.blobs.encrypted import EncryptedBlobStore, encrypted
from storage_adapters.blobs.encrypted.layout import CONTENT_TYPE
from tests.adapters.big_blobs import BIG
from tests.adapters.gcs_buckets import open_store
from tests.adapters.tenant_keys import KeysOfTests
from tests.contract.blob_scenes import KEY, put, read
from tests.contract.blobs import BlobStoreContract, CopyContract, ListingContract
from tests.fakes.gcs import FakeGcs
from tests.waiting import PATIENCE_SECONDS


class DirectStore(BlobStore, SupportsSignedUrls, SupportsResumableUpload):
    """A store to which clients send blobs themselves."""


@pytest.fixture
def store(bucket: BlobStore) -> EncryptedBlobStore:
    return encrypted(bucket, KeysOfTests())


class TestEncryptedBucket(BlobStoreContract, CopyContract, ListingContract):
    pass


@pytest.fixture
def direct(bucket: BlobStore) -> DirectStore:
    """The same bucket where its own encryption is accepted."""
    opened = encrypted(bucket, KeysOfTests(), direct=True)
    assert isinstance(opened, SupportsSignedUrls)
    assert isinstance(opened, SupportsResumableUpload)
    return cast(DirectStore, opened)


def test_no_url_leads_past_the_encryption(store: EncryptedBlobStore) -> None:
    assert not isinstance(store, SupportsSignedUrls)


@pytest.mark.parametrize("size", [10, len(BIG)], ids=["small", "big"])
def test_objects_from_before_are_encrypted_in_their_place(
    bucket: BlobStore, store: EncryptedBlobStore, size: int
) -> None:
    before = put(bucket, "owner/file/p0", BIG[:size])
    assert isinstance(store, SupportsResealing)
    assert store.reseal(10, after="").blobs == 1
    assert bucket.head("owner/file/p0").content_type == CONTENT_TYPE
    assert store.head("owner/file/p0") == before
    assert b"".join(store.get("owner/file/p0", offset=3, generation=before.generation)) == BIG[3:size]


def test_an_object_that_a_hold_protects_is_named_and_stays(
    fake: FakeGcs, bucket: BlobStore, store: EncryptedBlobStore
) -> None:
    for name in ("held", "other"):
        put(bucket, f"owner/{name}/p0")
    assert isinstance(store, SupportsResealing)
    fake.faults.fail(403, method="POST")
    step = store.reseal(10, after="")
    assert (step.blobs, step.left) == (1, ("owner/held/p0",))
    with closing(open_store("gs://files", fake.url)) as other:
        fake.faults.fail(403, times=9, method="POST")
        again = encrypted(other, KeysOfTests())
        assert isinstance(again, SupportsResealing)
        # Where nothing is taken, the first refusal ends it.
        with pytest.raises(StorageDenied):
            again.reseal(10, after="")


def test_bytes_sent_straight_to_an_accepted_bucket_are_read_as_they_are(direct: DirectStore) -> None:
    signed = direct.sign("PUT", KEY, expires_at=now_ms() + 60_000, content_type="a/b", size=3)
    assert requests.put(signed.url, b"abc", headers=signed.headers, timeout=PATIENCE_SECONDS).ok
    started = direct.start_upload("owner/file/p1", content_type="a/b", size=2, now=now_ms())
    assert requests.put(started.url, b"de", headers=started.headers, timeout=PATIENCE_SECONDS).ok
    assert (read(direct, KEY), read(direct, "owner/file/p1")) == (b"abc", b"de")
    assert direct.upload_seconds > 0
    with pytest.raises(BlobExists) as raised:
        direct.start_upload(KEY, content_type="a/b", size=3, now=now_ms())
    assert raised.value.info == direct.head(KEY)
    address = direct.sign("GET", KEY, expires_at=now_ms() + 60_000).url
    assert requests.get(address, timeout=PATIENCE_SECONDS).content == b"abc"


def test_bytes_encrypted_here_have_no_address_in_an_accepted_bucket(direct: DirectStore) -> None:
    put(direct, KEY, b"abc")
    signed = direct.sign("PUT", "owner/file/p1", expires_at=now_ms() + 60_000, content_type="a/b", size=2)
    assert requests.put(signed.url, b"de", headers=signed.headers, timeout=PATIENCE_SECONDS).ok
    assert isinstance(direct, SupportsResealing)
    assert direct.reseal(10, after="").blobs == 1
    for key, method in itertools.product((KEY, "owner/file/p1"), ("GET", "HEAD")):
        with pytest.raises(NoAddress):
            direct.sign(method, key, expires_at=now_ms() + 60_000)
    assert (read(direct, KEY), read(direct, "owner/file/p1")) == (b"abc", b"de")


def test_a_blob_that_is_replaced_at_each_look_is_unavailable(
    bucket: BlobStore, store: EncryptedBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(bucket, KEY, b"abc")
    look = bucket.head

    def head(key: str) -> BlobInfo:
        found = look(key)
        bucket.delete(key)
        put(bucket, key, b"def")
        return found

    monkeypatch.setattr(bucket, "head", head)
    with pytest.raises(StorageUnavailable, match="again and again"):
        store.get(KEY)
