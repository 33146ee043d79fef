"""The blob store on S3: the contract on a real SeaweedFS, and what only this store has to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage_adapters.blobs.s3 import S3BlobStore
from tests.adapters.s3_buckets import opened
from tests.contract.blobs import (
    BlobStoreContract,
    CopyContract,
    ListingContract,
    PartUploadsContract,
    ReplacementContract,
    SignedUrlsContract,
    WholeWritesContract,
)


@pytest.fixture
def store(s3_url: str) -> Iterator[S3BlobStore]:
    with opened(s3_url) as bucket:
        yield bucket


class TestS3BlobStore(
    BlobStoreContract,
    CopyContract,
    ListingContract,
    SignedUrlsContract,
    PartUploadsContract,
    ReplacementContract,
    WholeWritesContract,
):
    pass
