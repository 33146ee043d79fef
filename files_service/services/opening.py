"""Opening of the stores that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, cast

from files_service.config import BadSettings, Settings
from files_service.core import Core
from files_service.runtime.clock import monotonic_ms, now_ms
from files_service.services.encryption.owners import has_keys
from files_service.services.hooks import load_hooks
from files_service.services.listing.list_store import ListStore
from files_service.services.listing.router import Lists
from storage_adapters import (
    BlobOptions,
    BlobStore,
    CopySource,
    MetadataStore,
    StorageUnavailable,
    SupportsDocuments,
    UnknownStore,
    encrypt_blobs,
    mirror_blobs,
    open_blob_store,
    open_made_store,
    open_metadata_store,
)

if TYPE_CHECKING:
    from files_service.services.encryption.key_ring import KeyRing
    from files_service.services.encryption.tenant_keys import StoredTenantKeys


def open_core(settings: Settings, *, making: bool = True) -> Core:
    """Open the stores that the settings name; a list store that does not answer is opened once it does.

    With ``making`` a metadata store that is new is made. Raises UnknownStore, or StorageUnavailable when the primary or
    the blob store does not answer; a note names the variable of the store.
    """
    with ExitStack() as opened:
        metadata = opened.enter_context(closing(open_metadata(settings, making=making)))
        blobs = opened.enter_context(closing(open_blobs(settings)))
        keys = tenant_keys(settings, metadata)
        if keys is not None:
            blobs = encrypt_blobs(blobs, keys, direct=settings.accept_bucket_encryption)
        lists = opened.enter_context(closing(open_lists(settings, metadata)))
        core = Core(metadata=metadata, blobs=blobs, settings=settings, lists=lists, hooks=load_hooks(), keys=keys)
        opened.pop_all()
    return core


def open_metadata(settings: Settings, *, making: bool) -> MetadataStore:
    """Open the metadata store, a new one only with ``making``. Raises UnknownStore, StorageUnavailable."""
    with _noting("FILES_METADATA_URL"):
        return (open_metadata_store if making else open_made_store)(settings.metadata_url)


def open_blobs(settings: Settings) -> BlobStore:
    """Open the blob store and its mirror as the settings say. Raises UnknownStore, StorageUnavailable."""
    options = blob_options(settings)
    with _noting("FILES_BLOBS_URL"):
        first = open_blob_store(settings.blobs_url, options)
    if not settings.mirror_url:
        return first
    with ExitStack() as opened, _noting("FILES_MIRROR_URL"):
        opened.enter_context(closing(first))
        second = opened.enter_context(closing(open_blob_store(settings.mirror_url, options)))
        both = mirror_blobs(first, second, settings.failure_domains)
        opened.pop_all()
    return both


def blob_options(settings: Settings) -> BlobOptions:
    """Return what the settings say of blob stores beside their URLs."""
    return BlobOptions(
        signing_key=settings.signing_key.encode(),
        public_url=settings.public_url,
        gcs_hmac_access_id=settings.gcs_hmac_access_id,
        gcs_hmac_secret=settings.gcs_hmac_secret,
        storage_emulator_host=settings.storage_emulator_host,
        nodes_secret=settings.nodes_secret,
        cache_folder=str(settings.data_dir),
        s3_access_key_id=settings.s3_access_key_id,
        s3_secret_access_key=settings.s3_secret_access_key,
    )


def tenant_keys(settings: Settings, metadata: MetadataStore) -> StoredTenantKeys | None:
    """Return the keys of tenants, None when encryption is off. Raises UnknownStore, BadSettings."""
    ring = key_ring(settings)
    if ring is None:
        if has_keys(metadata, now=now_ms()):
            # Without this, encrypted bytes would be taken for lost ones.
            raise BadSettings("FILES.encryption_keys: is empty, and stored bytes are encrypted; configure their key")
        return None
    from files_service.services.encryption.tenant_keys import StoredTenantKeys

    if not isinstance(metadata, SupportsDocuments):
        raise UnknownStore("encryption needs a metadata store with documents")
    return StoredTenantKeys(metadata, ring, clock=now_ms, timer=monotonic_ms)


def key_ring(settings: Settings) -> KeyRing | None:
    """Return the keys of the installation, None when encryption is off. Raises BadSettings."""
    if not settings.encryption_keys:
        return None
    # The library is loaded where encryption is on.
    from files_service.services.encryption.key_ring import BadKeyRing, KeyRing

    try:
        return KeyRing.from_text(settings.encryption_keys)
    except BadKeyRing as error:
        raise BadSettings(f"FILES.encryption_keys: {error}") from error


def open_lists(settings: Settings, primary: MetadataStore) -> Lists:
    """Make the router of lists. Raises UnknownStore."""
    second = None
    if settings.list_url and settings.list_reads:
        if not all(isinstance(primary, kind) for kind in CopySource.__bases__):
            raise UnknownStore("a list store needs a metadata store with a change feed")
        second = ListStore(
            settings.list_url, cast(CopySource, primary), timeout_seconds=settings.list_timeout_ms / 1000
        )
        with _noting("FILES_LIST_URL"):
            second.connect()
    return Lists(primary, settings.metadata_url.partition(":")[0], second)


@contextmanager
def _noting(variable: str) -> Iterator[None]:
    """Note with an error of a store which variable names the store: its URL may be that of several."""
    try:
        yield
    except (UnknownStore, StorageUnavailable) as error:
        error.add_note(variable)
        raise
