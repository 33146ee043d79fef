"""Opening of stores by URL. Adapters are imported on demand, so that unused client libraries are not needed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, cast
from urllib.parse import urlsplit

from storage_adapters.errors import NoStore, UnknownStore
from storage_adapters.extras import import_adapter
from storage_adapters.identity import sync_name
from storage_adapters.options import BlobOptions
from storage_adapters.ports.blobs import BlobStore
from storage_adapters.ports.keys import TenantKeys
from storage_adapters.ports.keyspace import Keyspace
from storage_adapters.ports.metadata import MetadataStore
from storage_adapters.ports.schemas import SupportsMigrations
from storage_adapters.ports.setup import SetupStep

METADATA_STORES = {
    "memory": "storage_adapters.metadata.memory:MemoryMetadataStore",
    "sqlite": "storage_adapters.metadata.sqlite:SqliteMetadataStore",
    "redis": "storage_adapters.metadata.redis:RedisMetadataStore",
    "rediss": "storage_adapters.metadata.redis:RedisMetadataStore",
    "redis+sentinel": "storage_adapters.metadata.redis:RedisMetadataStore",
    "rediss+sentinel": "storage_adapters.metadata.redis:RedisMetadataStore",
    "couchdb": "storage_adapters.metadata.couchdb:CouchMetadataStore",
    "couchdbs": "storage_adapters.metadata.couchdb:CouchMetadataStore",
}
BLOB_STORES = {
    "memory": "storage_adapters.blobs.memory:MemoryBlobStore",
    "file": "storage_adapters.blobs.local:LocalBlobStore",
    "gs": "storage_adapters.blobs.gcs:GcsBlobStore",
    "nodes": "storage_adapters.blobs.nodes:NodesBlobStore",
    "s3": "storage_adapters.blobs.s3:S3BlobStore",
}


def open_metadata_store(url: str) -> MetadataStore:
    """Open the metadata store of a URL: ``sqlite:///data/files.db``, ``redis://localhost``, ``memory://``.

    Raises UnknownStore for an unsupported URL and StorageUnavailable when the store does not respond.
    """
    return cast(MetadataStore, _adapter(url, METADATA_STORES).from_url(url))


def open_made_store(url: str) -> MetadataStore:
    """Open the metadata store of a URL that somebody has made before; make and mark nothing.

    For all but the processes of the service: a server that was emptied beside them stays known as such. Raises NoStore,
    else as ``open_metadata_store``.
    """
    if issubclass(_adapter(url, METADATA_STORES), SupportsMigrations):
        found = open_store_of_any_schema(url)
        with closing(cast(MetadataStore, found)):
            if found.schema().empty:
                raise NoStore(sync_name(url))
    return open_metadata_store(url)


def open_store_of_any_schema(url: str) -> SupportsMigrations:
    """Open the metadata store of a URL with any schema. Raises UnknownStore when it does not support migrations."""
    adapter = _adapter(url, METADATA_STORES)
    if not issubclass(adapter, SupportsMigrations):
        raise UnknownStore(f"{urlsplit(url).scheme}:// does not support migrations")
    return cast(SupportsMigrations, adapter.from_url_of_any_schema(url))


def open_keyspace(url: str) -> Keyspace:
    """Open another program's data in Redis for reading; ``?prefix=`` is the hash tag of its keys."""
    if METADATA_STORES.get(urlsplit(url).scheme) != METADATA_STORES["redis"]:
        raise UnknownStore("files can be imported from redis:// or redis+sentinel://, or rediss… for TLS")
    return cast(Keyspace, import_adapter("storage_adapters.metadata.redis.keyspace").RedisKeyspace.from_url(url))


def open_blob_store(url: str, options: BlobOptions) -> BlobStore:
    """Open the blob store of a URL: ``file:///srv/files``, ``memory://``. Raises as ``open_metadata_store``."""
    return cast(BlobStore, _adapter(url, BLOB_STORES).from_url(url, options))


def encrypt_blobs(store: BlobStore, keys: TenantKeys, *, direct: bool = False) -> BlobStore:
    """Return a store that keeps its blobs in ``store``, encrypted with ``keys``.

    With ``direct``, blobs that clients send to the store itself have its own encryption alone.
    """
    return cast(BlobStore, import_adapter("storage_adapters.blobs.encrypted").encrypted(store, keys, direct=direct))


def mirror_blobs(first: BlobStore, second: BlobStore, domains: tuple[str, str] | None = None) -> BlobStore:
    """Return a store that keeps each blob in both stores; ``domains`` are their failure domains, None: their own.

    Raises UnknownStore for a store that cannot keep copies, and for twice the same one.
    """
    return cast(BlobStore, import_adapter("storage_adapters.blobs.mirrored").mirrored(first, second, domains))


def set_up_bucket(
    url: str, options: BlobOptions, *, origins: Sequence[str], default_origins: Sequence[str] = (), dry_run: bool
) -> Iterator[SetupStep]:
    """Create missing configuration of an ``s3://`` bucket, or report it with ``dry_run``. Raises nothing.

    ``default_origins`` are admitted without ``origins``, in a bucket without a CORS rule.
    """
    try:
        provisioning = import_adapter("storage_adapters.blobs.s3.provisioning")
    except UnknownStore as error:
        yield SetupStep(name="library", state="failed", text=str(error))
        return
    yield from provisioning.set_up(url, options, origins=origins, default_origins=default_origins, dry_run=dry_run)


def _adapter(url: str, stores: dict[str, str]) -> Any:
    scheme = urlsplit(url).scheme
    if scheme not in stores:
        near = difflib.get_close_matches(scheme, stores, n=1)
        hint = f"did you mean {near[0]}://?" if near else f"known schemes: {', '.join(f'{s}://' for s in stores)}"
        raise UnknownStore(f"no store for {scheme or 'a URL without a scheme'}: {hint}")
    module, _, name = stores[scheme].partition(":")
    return getattr(import_adapter(module), name)
