"""Faults of a disk of this machine that works otherwise."""

from __future__ import annotations

from contextlib import suppress

from storage_adapters import BlobStore, KeepsOnDisk, KeyUnavailable, StorageFull, StorageUnavailable


def is_gone(blobs: BlobStore, error: StorageUnavailable) -> bool:
    """Return True when a failed read says that bytes are gone: their disk is of this machine, and works otherwise.

    Raises StorageUnavailable when the disk does not.
    """
    if isinstance(error, KeyUnavailable) or not isinstance(blobs, KeepsOnDisk):
        return False
    # A full disk can be read.
    with suppress(StorageFull):
        blobs.ping()
    return True
