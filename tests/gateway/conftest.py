"""Running gateways: one per store kind and module, because tests leave each other's files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.gateway.limits import Limits
from files_service.services.opening import open_core
from tests.cores import memory_core, settings_for, sqlite_core
from tests.gateway.notified import CHANNEL_TOKEN, TOKEN
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


@pytest.fixture
def hooked(tmp_path: Path) -> Iterator[Served]:
    """A gateway that takes pushes by the shared token, and a channel."""
    settings = settings_for(
        tmp_path,
        FILES_METADATA_URL="memory://",
        FILES_BLOBS_URL="memory://?bucket=files",
        FILES_WEBHOOK_TOKEN=TOKEN,
        FILES_WEBHOOK_CHANNEL_TOKEN=CHANNEL_TOKEN,
    )
    with serving(open_core(settings), Limits(call_bytes=100_000)) as served:
        yield served
