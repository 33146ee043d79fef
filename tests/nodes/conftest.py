"""Writes that put no copy beside a slow one: a machine of tests may be slow, and these tests count copies."""

from __future__ import annotations

import pytest

from storage_adapters.blobs.nodes import cluster


@pytest.fixture(autouse=True)
def no_hedged_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a write wait for its nodes."""
    monkeypatch.setattr(cluster, "WRITE_HEDGE_SECONDS", 1_000.0)
