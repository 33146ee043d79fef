"""Blobs on the local disk: ``store`` is the adapter, ``workspace`` keeps what is unfinished, ``disk`` does the I/O."""

from storage_adapters.blobs.local.store import LocalBlobStore

__all__ = ["LocalBlobStore"]
