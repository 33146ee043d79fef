"""Metadata in CouchDB: one document per file, lists from views, a feed in a database beside it."""

from storage_adapters.metadata.couchdb.store import CouchMetadataStore

__all__ = ["CouchMetadataStore"]
