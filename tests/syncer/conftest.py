"""Pairs of stores of every kind that a syncer may stand between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from syncer.pair import Pair
from tests.scale import NIGHTLY
from tests.servers.couchdb import throw_away
from tests.syncer.pairs import open_pair_of

LOCAL_PAIRS = ["memory memory", "redis sqlite", "sqlite redis"]
# Each kind is a source and a target by day; a nightly run takes one more pair with the slow server.
PAIRS = [*LOCAL_PAIRS, "redis couchdb", "couchdb redis", *(["sqlite couchdb"] if NIGHTLY else [])]


# A long test has the sums of 200 000 files made, which takes a CouchDB-protocol server in JavaScript minutes.
COUCHDB_SECONDS = 600 if NIGHTLY else 60


@pytest.fixture
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The URLs of two empty stores, of the kinds that the test's parameter names."""
    source, target = getattr(request, "param", PAIRS[0]).split()

    def url_of(kind: str) -> str:
        match kind:
            case "memory":
                return "memory://"
            case "sqlite":
                return f"sqlite:///{tmp_path}/files.db"
            case "couchdb":
                server_url = request.getfixturevalue("couchdb_server_url")
                return stack.enter_context(throw_away(server_url, timeout_seconds=COUCHDB_SECONDS))
            case _:
                return str(request.getfixturevalue(f"{kind}_url"))

    with ExitStack() as stack:
        yield url_of(source), url_of(target)


@pytest.fixture
def pair(urls: tuple[str, str]) -> Iterator[Pair]:
    """Two empty open stores."""
    pair = open_pair_of(*urls)
    yield pair
    pair.close()
