"""Encryption over a bucket of Cloud Storage."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage_adapters import BlobStore, SupportsResealing, SupportsSignedUrls
from storage_adapters.blobs.encrypted import EncryptedBlobStore, encrypted
from storage_adapters.blobs.encrypted.layout import CONTENT_TYPE
from tests.adapters.big_blobs import BIG
from tests.adapters.gcs_buckets import open_store, running_fake
from tests.adapters.tenant_keys import KeysOfTests
from tests.contract.blob_scenes import put
from tests.contract.blobs import BlobStoreContract, CopyContract, ListingContract
from tests.fakes.gcs import FakeGcs


@pytest.fixture(scope="module")
def server() -> Iterator[FakeGcs]:
    with running_fake() as fake:
        yield fake


@pytest.fixture
def bucket(server: FakeGcs) -> Iterator[BlobStore]:
    """An empty bucket."""
    server.objects.bucket("files").objects.clear()
    opened = open_store("gs://files", server.url)
    yield opened
    opened.close()


@pytest.fixture
def store(bucket: BlobStore) -> EncryptedBlobStore:
    return encrypted(bucket, KeysOfTests())


class TestEncryptedBucket(BlobStoreContract, CopyContract, ListingContract):
    pass


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
