"""Fixtures of private servers; ``tests/conftest.py`` imports them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.couchdb import CouchServer, server_url
from tests.servers.couchdb import throw_away as throw_away_databases
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.servers.redis import RedisServer, throw_away
from tests.servers.seaweedfs import SeaweedCluster, SeaweedFS


@pytest.fixture(scope="session")
def amqp_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a broker: that of AMQP_URI, or a private one that lives as long as the test run."""
    given = os.environ.get("AMQP_URI")
    if given:
        yield given
        return
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as broker:
        yield broker.uri


@pytest.fixture(scope="session")
def second_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """The broker behind ``own_broker``."""
    with RabbitMQ(tmp_path_factory.mktemp("second-rabbitmq")) as broker:
        yield broker


@pytest.fixture
def own_broker(second_broker: RabbitMQ) -> RabbitMQ:
    """A private broker that may be killed, whatever AMQP_URI says. Running at first; others used it before."""
    if not second_broker.is_running:
        second_broker.start()
    return second_broker


@pytest.fixture(scope="module")
def rpc_service(amqp_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A running ``files rpc`` on SQLite, for the tests of one module."""
    with ServiceProcess(tmp_path_factory.mktemp("rpc"), amqp_uri) as service:
        yield service


@pytest.fixture(scope="session")
def redis_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis: REDIS_URL, or a private one that lives as long as the test run."""
    given = os.environ.get("REDIS_URL")
    if given:
        yield given
        return
    with RedisServer(tmp_path_factory.mktemp("redis"), appendfsync="no") as server:
        yield server.url


@pytest.fixture
def redis_url(redis_server_url: str) -> Iterator[str]:
    """The URL of an empty metadata store on that Redis."""
    with throw_away(redis_server_url) as url:
        yield url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may kill it; what it acknowledged is on the disk."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def couchdb_server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a CouchDB without a database: COUCHDB_URL, or a private one that lives as long as the test run."""
    given = os.environ.get("COUCHDB_URL")
    if given:
        yield server_url(given)
        return
    with CouchServer(tmp_path_factory.mktemp("couchdb"), on_disk=False) as server:
        yield server.url


@pytest.fixture
def couchdb_url(couchdb_server_url: str) -> Iterator[str]:
    """The URL of an empty metadata store on that CouchDB."""
    with throw_away_databases(couchdb_server_url) as url:
        yield url


@pytest.fixture
def own_couchdb(tmp_path: Path) -> Iterator[CouchServer]:
    """A CouchDB for one test, which may kill it; what it acknowledged is on the disk."""
    with CouchServer(tmp_path / "couchdb") as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A SeaweedFS in one process, for the tests that need an S3 server."""
    with SeaweedFS(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture
def own_seaweedfs(tmp_path: Path) -> Iterator[SeaweedCluster]:
    """A SeaweedFS of several processes for one test, which may kill them."""
    with SeaweedCluster(tmp_path / "seaweedfs") as cluster:
        yield cluster


@pytest.fixture
def s3_url(seaweedfs: SeaweedFS) -> str:
    """The URL of an empty blob store on that SeaweedFS."""
    return seaweedfs.store_url()
