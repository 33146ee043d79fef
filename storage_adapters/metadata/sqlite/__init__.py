"""Metadata in one SQLite file: the embedded default, no server."""

from storage_adapters.metadata.sqlite.store import SqliteMetadataStore

__all__ = ["SqliteMetadataStore"]
