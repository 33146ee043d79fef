"""Blob store over file nodes, each of which keeps chunks on a disk of its own."""

from storage_adapters.blobs.nodes.store import NodesBlobStore

__all__ = ["NodesBlobStore"]
