"""Blobs in a bucket of an S3 server; see ``store``."""

from storage_adapters.blobs.s3.store import S3BlobStore

__all__ = ["S3BlobStore"]
