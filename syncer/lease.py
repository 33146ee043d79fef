"""The leases to copy to one target, which one syncer of several has at a time."""

from __future__ import annotations

from files_service.runtime.lease import Lease, make_holder
from storage_adapters import MetadataStore

LEASE_SECONDS = 10


def lease_names(name: str) -> tuple[str, str]:
    """Return the leases to follow the feed for the target of this name, and to fill it."""
    return f"syncer:{name}", f"syncer-backfill:{name}"


def syncer_lease(source: MetadataStore, name: str, *, seconds: float = LEASE_SECONDS) -> Lease:
    """Make a lease in the source. It saves work; the checkpoint keeps the order."""
    return Lease(source, name, holder=make_holder(), seconds=seconds)
