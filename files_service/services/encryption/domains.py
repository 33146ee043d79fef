"""Domains of chunks: owners that share the stored copies of equal bytes."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.uploads import owner_segment


def chunk_domain(core: Core, owner: str) -> str:
    """Return the domain of the chunks of a new upload of an owner, "" for the owner's own."""
    return "" if core.keys is None else core.keys.domain(owner_segment(owner))
