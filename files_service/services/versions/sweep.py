"""Sweep of versions: prune files whose time has come, delete the blobs of removed versions."""

from __future__ import annotations

from collections import Counter

from files_service.core import Core
from files_service.services.versions.garbage import sweep_garbage
from files_service.services.versions.keeping import sweep_ages


def sweep_versions(core: Core) -> Counter[str]:
    """Treat a bounded number of each; return the numbers."""
    return Counter(pruned_files=sweep_ages(core), cleaned_versions=sweep_garbage(core))
