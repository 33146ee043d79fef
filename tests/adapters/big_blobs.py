"""A blob that takes several chunks of a session."""

from __future__ import annotations

from storage_adapters import BlobStore
from tests.contract.blob_scenes import KEY, MIB, NOW

BIG = bytes(range(256)) * 4096 * 9 + b"tail"


def put_big(store: BlobStore, **declared: object) -> None:
    """Store it in pieces of several sizes."""
    store.put(KEY, [BIG[:7], BIG[7:MIB], BIG[MIB:]], content_type="video/mp4", now=NOW, declared=declared)
