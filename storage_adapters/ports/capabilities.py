"""Names of the capabilities that a store has."""

from __future__ import annotations

from storage_adapters.ports.blob_capabilities import (
    SupportsColdReads,
    SupportsCopies,
    SupportsCopy,
    SupportsCopyRepair,
    SupportsFreeSpace,
    SupportsListing,
    SupportsLocalFiles,
    SupportsPartUploads,
    SupportsPublicUrls,
    SupportsResumableUpload,
    SupportsSignedUrls,
    SupportsWholeWrites,
)
from storage_adapters.ports.digest import SupportsDigest
from storage_adapters.ports.documents import SupportsDocuments
from storage_adapters.ports.identity import SupportsIdentity
from storage_adapters.ports.metadata import SupportsChanges, SupportsLeases, SupportsReplication
from storage_adapters.ports.uploads import SupportsUploads

METADATA_CAPABILITIES = (
    SupportsChanges,
    SupportsDigest,
    SupportsDocuments,
    SupportsIdentity,
    SupportsLeases,
    SupportsReplication,
    SupportsUploads,
)


BLOB_CAPABILITIES = (
    SupportsSignedUrls,
    SupportsPublicUrls,
    SupportsCopy,
    SupportsLocalFiles,
    SupportsColdReads,
    SupportsWholeWrites,
    SupportsFreeSpace,
    SupportsResumableUpload,
    SupportsPartUploads,
    SupportsListing,
    SupportsCopies,
    SupportsCopyRepair,
)


def capabilities(store: object) -> list[str]:
    """Return the names of a store's capabilities, computed from its class: "signed urls", "copy"."""
    names = []
    for capability in METADATA_CAPABILITIES + BLOB_CAPABILITIES:
        if isinstance(store, capability):
            words = "".join(f" {c.lower()}" if c.isupper() else c for c in capability.__name__)
            names.append(words.replace("supports", "", 1).strip())
    return names
