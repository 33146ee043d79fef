"""What every action works with: the stores, the limits, the clock. Opened once per process, shared by all threads."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ulid import ULID

from files_service.config import Settings
from files_service.hooks import ProcessingHook, load_hooks
from storage_adapters import BlobOptions, BlobStore, MetadataStore, open_blob_store, open_metadata_store


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
    served_by: str
    hooks: tuple[ProcessingHook, ...] = ()
    clock: Callable[[], int] = now_ms
    new_id: Callable[[], str] = new_file_id
    # Between two tries of a lost race; an event so that a stopping process does not wait.
    stopping: threading.Event = field(default_factory=threading.Event)

    def back_off(self, attempt: int) -> None:
        """Wait a random time that grows with the attempt, at most 0.2 s."""
        self.stopping.wait(random.uniform(0, min(0.2, 0.005 * 2**attempt)))  # noqa: S311 - spreads load, hides nothing

    def close(self) -> None:
        """Close both stores."""
        self.stopping.set()
        self.metadata.close()
        self.blobs.close()


def open_core(settings: Settings) -> Core:
    """Open the stores that the settings name. Raises UnknownStore or the adapters' StorageUnavailable."""
    options = BlobOptions(signing_key=settings.signing_key.encode(), public_url=settings.public_url)
    metadata = open_metadata_store(settings.metadata_url)
    try:
        blobs = open_blob_store(settings.blobs_url, options)
    except Exception:
        metadata.close()
        raise
    return Core(
        metadata=metadata,
        blobs=blobs,
        settings=settings,
        served_by=settings.metadata_url.partition(":")[0],
        hooks=load_hooks(),
    )
