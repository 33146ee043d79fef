"""Fixtures of private servers; ``tests/conftest.py`` imports them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

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
