"""Metadata in CouchDB: one document per file, lists from views, a feed in a database beside it."""

import warnings

with warnings.catch_warnings():
    # python-couchdb asks pkg_resources for its own version, and that would log a warning at the start of each process.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
    from storage_adapters.metadata.couchdb.store import CouchMetadataStore

__all__ = ["CouchMetadataStore"]
