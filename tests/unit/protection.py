"""Bytes that a retention of the bucket protects."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from storage_adapters import StorageDenied


def protect(monkeypatch: pytest.MonkeyPatch, core: Core) -> set[str]:
    """Let the store refuse to delete the blobs with these keys, a set that the test changes."""
    protected: set[str] = set()
    delete = core.blobs.delete

    def refuse(key: str, **generation: Any) -> None:
        if key in protected:
            raise StorageDenied("retention")
        delete(key, **generation)

    monkeypatch.setattr(core.blobs, "delete", refuse)
    return protected
