"""Buckets for the tests of the store on Cloud Storage: of the fake that verifies, or of the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storage_adapters import BlobOptions, open_blob_store
from storage_adapters.blobs.gcs import GcsBlobStore
from tests.fakes.gcs import FakeGcs

ACCESS_ID = "GOOG1EEXAMPLEACCESSID"
SECRET = "not-a-secret-but-forty-characters-long-0"
EMAIL = "files@demo.iam.gserviceaccount.com"


@contextmanager
def running_fake(bucket: str = "files", **configuration: object) -> Iterator[FakeGcs]:
    """A fake with one bucket and one HMAC key."""
    with FakeGcs() as fake:
        fake.make_bucket(bucket, **configuration)
        fake.add_hmac_key(ACCESS_ID, SECRET)
        yield fake


def open_store(url: str, endpoint: str, *, hmac: bool = True) -> GcsBlobStore:
    """Open a store at an endpoint as the service does."""
    options = BlobOptions(
        storage_emulator_host=endpoint,
        gcs_hmac_access_id=ACCESS_ID if hmac else "",
        gcs_hmac_secret=SECRET if hmac else "",
    )
    store = open_blob_store(url, options)
    assert isinstance(store, GcsBlobStore)
    return store


def gcs_environ(fake: FakeGcs) -> dict[str, str]:
    """The environment of a service on the fake's bucket, with records in memory."""
    return {
        "FILES_METADATA_URL": "memory://",
        "FILES_BLOBS_URL": "gs://files/media",
        "STORAGE_EMULATOR_HOST": fake.url.removeprefix("http://"),
        "FILES_GCS_HMAC_ACCESS_ID": ACCESS_ID,
        "FILES_GCS_HMAC_SECRET": SECRET,
    }
