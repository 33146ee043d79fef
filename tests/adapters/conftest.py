"""The fake of Cloud Storage that the tests of its adapters share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage_adapters.blobs.gcs import GcsBlobStore
from tests.adapters.gcs_buckets import open_store, running_fake
from tests.fakes.gcs import FakeGcs


@pytest.fixture(scope="module")
def gcs_server() -> Iterator[FakeGcs]:
    with running_fake() as fake:
        yield fake


@pytest.fixture
def fake(gcs_server: FakeGcs) -> FakeGcs:
    """The fake of the module with an empty bucket and nothing planned."""
    gcs_server.objects.bucket("files").objects.clear()
    gcs_server.log.clear()
    gcs_server.faults.clear()
    return gcs_server


@pytest.fixture
def bucket(fake: FakeGcs) -> Iterator[GcsBlobStore]:
    """An open store over the empty bucket."""
    opened = open_store("gs://files", fake.url)
    yield opened
    opened.close()
