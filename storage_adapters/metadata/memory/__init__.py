"""Metadata in memory: a verified fake for tests, under the same contract suite as the other stores."""

from storage_adapters.metadata.memory.store import MemoryMetadataStore

__all__ = ["MemoryMetadataStore"]
