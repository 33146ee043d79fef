"""Bytes that cannot be deleted: a retention of the bucket protects them, or they lie on a bad sector."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from storage_adapters import StorageDenied


def protect(monkeypatch: pytest.MonkeyPatch, core: Core, error: type[Exception] = StorageDenied) -> set[str]:
    """Let the store refuse, or fail, to delete the blobs with these keys, a set that the test changes."""
    protected: set[str] = set()
    delete = core.blobs.delete

    def refuse(key: str, **generation: Any) -> None:
        if key in protected:
            raise error("it stays")
        delete(key, **generation)

    monkeypatch.setattr(core.blobs, "delete", refuse)
    return protected
