"""Encryption of another blob store: ``store`` is the adapter, ``layout`` the stored form of a blob."""

from storage_adapters.blobs.encrypted.capabilities import encrypted
from storage_adapters.blobs.encrypted.store import EncryptedBlobStore

__all__ = ["EncryptedBlobStore", "encrypted"]
