"""State that a node tells its controllers and its metrics."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """State of a node at one moment."""

    chunks: int
    bytes: int
    free: int
    total: int
    complete: bool
    read_only: bool
    quarantined: int
    scrubbed: int
    oldest_unverified_seconds: float
    digest_root: str
