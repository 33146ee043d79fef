"""Stores of each kind as version 0.1 left them, made of the kept data."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.releases.dumps import load_couchdb, load_redis
from tests.releases.keep import kept

VERSION = "0.1"


@pytest.fixture(params=["sqlite", "redis", "couchdb"])
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of store."""
    name: str = request.param
    return name


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that holds nothing."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'files.db'}"
    url: str = request.getfixturevalue(f"{kind}_url")
    return url


@pytest.fixture
def old_url(kind: str, empty_url: str, tmp_path: Path) -> str:
    """A store that version 0.1 filled."""
    match kind:
        case "sqlite":
            (tmp_path / "files.db").write_bytes(kept(VERSION, "sqlite.db"))
        case "redis":
            load_redis(empty_url, orjson.loads(kept(VERSION, "redis.keys.json")))
        case _:
            load_couchdb(empty_url, orjson.loads(kept(VERSION, "couchdb.documents.json")))
    return empty_url
