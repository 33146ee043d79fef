"""Blobs in Google Cloud Storage; see ``store``."""

from storage_adapters.blobs.gcs.store import GcsBlobStore

__all__ = ["GcsBlobStore"]
