"""Encryption of another blob store: ``store`` is the adapter, ``layout`` the stored form of a blob."""

from storage_adapters.blobs.encrypted.store import EncryptedBlobStore, encrypted

__all__ = ["EncryptedBlobStore", "encrypted"]
