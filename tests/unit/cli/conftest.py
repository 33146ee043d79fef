"""What tests of commands share: an environment, and a gateway with a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.messaging.events import LogPublisher
from files_service.worker.run import Worker
from tests.cores import SECRETS, sqlite_core
from tests.gateway.serving import Served, serving
from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which no gateway runs."""
    given = {"FILES_DATA_DIR": str(tmp_path), "FILES_HTTP": "127.0.0.1:9", "AMQP_URI": "", **SECRETS}
    return {**given, "FILES_MEDIA": "false"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway and a worker."""
    [port] = free_ports(1)
    core = sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{port}")
    worker = Worker(core, LogPublisher())
    with serving(core, port=port) as found:
        worker.start()
        yield found
        assert worker.stop(PATIENCE_SECONDS)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Served]:
    """A gateway without a worker, for files that a test processes itself."""
    [port] = free_ports(1)
    with serving(sqlite_core(tmp_path, public_url=f"http://127.0.0.1:{port}"), port=port) as found:
        yield found
