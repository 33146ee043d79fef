"""Blobs on the local disk: ``store`` is the adapter, ``workspace`` holds unfinished blobs, ``disk`` does the I/O."""

from storage_adapters.blobs.local.store import LocalBlobStore

__all__ = ["LocalBlobStore"]
