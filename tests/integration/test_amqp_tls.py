"""The queue door and doctor by TLS, at a broker with a certificate of this test."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.cli.queue_checks import check_queue
from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.ingest.client import QueueSender, QueueUnavailable
from tests.cores import sqlite_core
from tests.integration.ingesting import declared, open_door
from tests.servers.rabbitmq import RabbitMQ

CONTENT = bytes(range(256)) * 512

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", path.with_suffix(".key"), "-out", path),
        ],
        check=True,
        capture_output=True,
    )
    return path


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("broker"), certificate=certificate) as broker:
        yield broker


@pytest.fixture
def core(tmp_path: Path, broker: RabbitMQ) -> Iterator[Core]:
    opened = sqlite_core(tmp_path / "data", amqp_uri=broker.tls_uri, queue_door=True)
    with closing(opened):
        yield opened


def test_bytes_cross_a_broker_by_tls(
    core: Core, broker: RabbitMQ, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An authority of one's own is named as for every program that uses OpenSSL.
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def read(offset: int, length: int) -> bytes:
        return CONTENT[offset : offset + length]

    async def send() -> str:
        async with QueueSender(broker.tls_uri) as sender:
            done = await sender.put(declared(core, CONTENT), len(CONTENT), read)
            return str(done["status"])

    with open_door(core):
        assert asyncio.run(send()) == "uploaded"
        assert check_queue(core.settings).ok
        open_connection(broker.tls_uri).close()


def test_a_broker_that_is_not_trusted_gets_nothing(core: Core, broker: RabbitMQ, certificate: Path) -> None:
    async def enter() -> None:
        async with QueueSender(broker.tls_uri):
            pytest.fail("connected")

    with pytest.raises(QueueUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
        asyncio.run(enter())
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        open_connection(broker.tls_uri)
    assert not check_queue(core.settings).ok


def test_a_broker_of_another_name_gets_nothing(
    core: Core, broker: RabbitMQ, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    other = broker.tls_uri.replace("localhost", "127.0.0.1")
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        open_connection(other)
    assert not check_queue(replace(core.settings, amqp_uri=other)).ok
