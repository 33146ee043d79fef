"""Check of ``files doctor`` for the file nodes."""

from __future__ import annotations

from files_service.cli.finding import Finding
from files_service.config import Settings

_PART = "nodes"


def check_nodes(settings: Settings) -> Finding:
    """Check the nodes of the blob store, if it has any."""
    if not settings.blobs_url.startswith("nodes:"):
        return Finding(_PART, "the blob store has no nodes")
    from files_service.nodes import checks

    return Finding(_PART, *checks.check_nodes(settings))
