"""What every action works with: the stores, the limits, the clock. Opened once per process, shared by all threads."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from ulid import ULID

from files_service.config import Settings
from files_service.hooks import ProcessingHook, load_hooks
from files_service.list_store import ListStore
from files_service.lists import Lists
from storage_adapters import (
    BlobOptions,
    BlobStore,
    MetadataStore,
    SupportsChanges,
    UnknownStore,
    open_blob_store,
    open_metadata_store,
)


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def new_file_id() -> str:
    """Make a ULID: 26 characters, ordered by time."""
    return str(ULID())


@dataclass(frozen=True, kw_only=True)
class Core:
    """The stores and everything that an action may need besides its parameters."""

    metadata: MetadataStore
    blobs: BlobStore
    settings: Settings
    lists: Lists
    hooks: tuple[ProcessingHook, ...] = ()
    clock: Callable[[], int] = now_ms
    new_id: Callable[[], str] = new_file_id
    # Between two tries of a lost race; an event so that a stopping process does not wait.
    stopping: threading.Event = field(default_factory=threading.Event)

    def back_off(self, attempt: int) -> None:
        """Wait a random time that grows with the attempt, at most 0.2 s."""
        self.stopping.wait(random.uniform(0, min(0.2, 0.005 * 2**attempt)))  # noqa: S311 - spreads load, hides nothing

    def close(self) -> None:
        """Close all stores."""
        self.stopping.set()
        self.lists.close()
        self.metadata.close()
        self.blobs.close()


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
    """Open the blob store with everything that the settings say of it. Raises UnknownStore, StorageUnavailable."""
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
        if not isinstance(primary, SupportsChanges):
            raise UnknownStore("the metadata store has no change feed, by which a list store could be filled")
        second = ListStore(settings.list_url, primary, timeout_seconds=settings.list_timeout_ms / 1000)
        second.connect()
    return Lists(primary, settings.metadata_url.partition(":")[0], second)
