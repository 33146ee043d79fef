"""Fixtures of private servers; ``tests/conftest.py`` imports them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ


@pytest.fixture(scope="session")
def amqp_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a broker: that of AMQP_URI, or a private one that lives as long as the test run."""
    given = os.environ.get("AMQP_URI")
    if given:
        yield given
        return
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker.uri


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[RabbitMQ]:
    """A broker for one test, which may kill it."""
    with RabbitMQ(tmp_path / "rabbitmq") as broker:
        yield broker


@pytest.fixture(scope="module")
def rpc_service(amqp_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running ``files rpc`` on SQLite, for the tests of one module."""
    with ServiceProcess(tmp_path_factory.mktemp("rpc"), amqp_uri) as service:
        yield service
