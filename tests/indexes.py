"""How tests see which indexes a store that derives them is asked to build."""

from __future__ import annotations

import pytest

from storage_adapters import SupportsDesigns


def noted_builds(monkeypatch: pytest.MonkeyPatch, store: object) -> list[str]:
    """What the store is asked to build from now on, as it is asked; pauses between two indexes are short."""
    assert isinstance(store, SupportsDesigns)
    asked: list[str] = []
    real = store.build_design

    def build_design(name: str) -> bool:
        asked.append(name)
        return real(name)

    monkeypatch.setattr(store, "build_design", build_design)
    monkeypatch.setattr("storage_adapters.index_builder.SHORTEST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("storage_adapters.index_builder.LONGEST_PAUSE_SECONDS", 0.01)
    return asked
