"""The stores that migrations work on."""

from __future__ import annotations

from pathlib import Path

import pytest


def _url_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'files.db'}"
    given: str = request.getfixturevalue(f"{kind}_url")
    return given


@pytest.fixture(params=["sqlite", "redis", "couchdb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind."""
    return _url_of(request.param, request, tmp_path)


@pytest.fixture(params=["sqlite", "redis"])
def rebuilt_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that keeps indexes and counters itself."""
    return _url_of(request.param, request, tmp_path)
