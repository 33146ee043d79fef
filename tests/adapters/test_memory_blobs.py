"""The blob store in memory: under the contract, so that tests may stand on it."""

from __future__ import annotations

import pytest

from storage_adapters import BlobOptions, InvalidSignature, UnknownStore, open_blob_store
from storage_adapters.blobs.memory import MemoryBlobStore
from tests.contract.blob_scenes import KEY, NOW
from tests.contract.blobs import (
    BlobStoreContract,
    CopyContract,
    ListingContract,
    PublicUrlsContract,
    ReplacementContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    WholeWritesContract,
)
from tests.contract.signed_urls import parameters


class TestMemoryBlobStore(
    BlobStoreContract,
    CopyContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    PublicUrlsContract,
    ReplacementContract,
    ListingContract,
    WholeWritesContract,
):
    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()


def test_the_url_may_name_the_bucket() -> None:
    assert open_blob_store("memory://", BlobOptions()).bucket == "memory"
    assert open_blob_store("memory://?bucket=films", BlobOptions()).bucket == "films"


@pytest.mark.parametrize(
    "url",
    ["memory://x", "memory:///x", "memory://?x=1", "memory://#x", "memory://?bucket=", "memory://?bucket=a&bucket=b"],
)
def test_a_url_with_anything_else_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore, match="memory store takes"):
        open_blob_store(url, BlobOptions())


def test_without_a_signing_key_each_store_signs_for_itself_alone() -> None:
    signed = MemoryBlobStore().sign("GET", KEY, expires_at=NOW + 1)
    with pytest.raises(InvalidSignature):
        MemoryBlobStore().verify("GET", KEY, parameters(signed.url), now=NOW)
