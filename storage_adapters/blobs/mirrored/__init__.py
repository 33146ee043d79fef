"""Two blob stores with the same blobs: ``store`` is the adapter, ``capabilities`` what it can do."""

from storage_adapters.blobs.mirrored.capabilities import mirrored
from storage_adapters.blobs.mirrored.store import MirroredBlobStore

__all__ = ["MirroredBlobStore", "mirrored"]
