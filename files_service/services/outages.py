"""Outages of the stores, told from the fault of one file, which must keep no others back."""

from __future__ import annotations

from files_service.core import Core


def require_stores(core: Core) -> None:
    """Return when both stores answer. Raises StorageUnavailable in an outage."""
    core.metadata.ping()
    core.blobs.ping()
