"""Running gateways: one per store kind and module, because tests leave each other's files alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cores import memory_core, sqlite_core
from tests.gateway.serving import Served, serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway on the embedded default."""
    with serving(sqlite_core(tmp_path_factory.mktemp("data"))) as served:
        yield served


@pytest.fixture(scope="module")
def memory_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway on stores that keep nothing in files."""
    with serving(memory_core(tmp_path_factory.mktemp("data"))) as served:
        yield served


@pytest.fixture(params=["gateway", "memory_gateway"])
def served(request: pytest.FixtureRequest) -> Served:
    """A store whose bytes are files, and one whose bytes are not."""
    found: Served = request.getfixturevalue(request.param)
    return found
