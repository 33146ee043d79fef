"""Pairs of stores of every kind that a syncer may stand between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncer.pair import Pair
from tests.syncer.pairs import open_pair_of

LOCAL_PAIRS = ["memory memory", "redis sqlite", "sqlite redis"]
PAIRS = [*LOCAL_PAIRS, "redis couchdb", "sqlite couchdb", "couchdb redis"]


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """The URLs of two empty stores, of the kinds that the test's parameter names."""
    source, target = getattr(request, "param", PAIRS[0]).split()

    def url_of(kind: str) -> str:
        match kind:
            case "memory":
                return "memory://"
            case "sqlite":
                return f"sqlite:///{tmp_path}/files.db"
            case _:
                return str(request.getfixturevalue(f"{kind}_url"))

    return url_of(source), url_of(target)


@pytest.fixture
def pair(urls: tuple[str, str]) -> Iterator[Pair]:
    """Two empty open stores."""
    pair = open_pair_of(*urls)
    yield pair
    pair.close()
