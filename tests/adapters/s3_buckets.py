"""The S3 store on a private SeaweedFS, as the tests open it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from storage_adapters.blobs.s3 import S3BlobStore
from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import open_client
from storage_adapters.blobs.s3.direct import DirectReads
from storage_adapters.blobs.s3.location import Location, parse
from storage_adapters.blobs.s3.signing import RequestSigner, Secret
from storage_adapters.options import BlobOptions
from tests.servers.seaweedfs import ACCESS_KEY, SECRET_KEY

OPTIONS = BlobOptions(s3_access_key_id=ACCESS_KEY, s3_secret_access_key=SECRET_KEY)


@contextmanager
def opened(url: str) -> Iterator[S3BlobStore]:
    """Open a store for the time of a test. A client takes half a second to make: those of one server share one."""
    location = parse(url)
    client, secret = _client(location.endpoint, location.timeout)
    reads = DirectReads(client, RequestSigner(location, secret))
    store = S3BlobStore(S3Api(client, location.bucket, reads), location, secret)
    yield store
    store.close()


@cache
def _client(endpoint: str, timeout: float) -> tuple[Any, Callable[[], Secret]]:
    return open_client(Location(bucket="any", endpoint=endpoint, timeout=timeout), OPTIONS)
