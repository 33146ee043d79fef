"""Opening of the stores that the settings name."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import cast

from files_service.config import Settings
from files_service.core import Core
from files_service.services.hooks import load_hooks
from files_service.services.listing.list_store import ListStore
from files_service.services.listing.router import Lists
from storage_adapters import (
    BlobOptions,
    BlobStore,
    CopySource,
    MetadataStore,
    UnknownStore,
    open_blob_store,
    open_metadata_store,
)


def open_core(settings: Settings) -> Core:
    """Open the stores that the settings name; a list store that does not answer is opened once it does.

    Raises UnknownStore, or StorageUnavailable when the primary or the blob store does not answer.
    """
    with ExitStack() as opened:
        metadata = opened.enter_context(closing(open_metadata_store(settings.metadata_url)))
        blobs = opened.enter_context(closing(open_blobs(settings)))
        lists = opened.enter_context(closing(open_lists(settings, metadata)))
        core = Core(metadata=metadata, blobs=blobs, settings=settings, lists=lists, hooks=load_hooks())
        opened.pop_all()
    return core


def open_blobs(settings: Settings) -> BlobStore:
    """Open the blob store with the options of the settings. Raises UnknownStore, StorageUnavailable."""
    options = BlobOptions(
        signing_key=settings.signing_key.encode(),
        public_url=settings.public_url,
        gcs_hmac_access_id=settings.gcs_hmac_access_id,
        gcs_hmac_secret=settings.gcs_hmac_secret,
        storage_emulator_host=settings.storage_emulator_host,
    )
    return open_blob_store(settings.blobs_url, options)


def open_lists(settings: Settings, primary: MetadataStore) -> Lists:
    """Make the router of lists. Raises UnknownStore."""
    second = None
    if settings.list_url and settings.list_reads:
        if not all(isinstance(primary, kind) for kind in CopySource.__bases__):
            raise UnknownStore("a list store needs a metadata store with a change feed")
        second = ListStore(
            settings.list_url, cast(CopySource, primary), timeout_seconds=settings.list_timeout_ms / 1000
        )
        second.connect()
    return Lists(primary, settings.metadata_url.partition(":")[0], second)
