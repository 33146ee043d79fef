"""How the tests of the CouchDB store open it and look into the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storage_adapters.metadata.couchdb import CouchMetadataStore


@contextmanager
def opened(url: str) -> Iterator[CouchMetadataStore]:
    store = CouchMetadataStore.from_url(url)
    try:
        yield store
    finally:
        store.close()
