"""Quorum queues: every queue of the service is one, calls and events pass them, and a classic one is not replaced."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import aio_pika
import amqp
import pytest

from files_service.messaging.address import open_connection
from files_service.messaging.ingest.topology import CHUNKS, declare
from files_service.messaging.rpc.topology import DEAD_LETTER, QUORUM, REDELIVERED, declare_service
from files_service.services.uploads.queue_door import DEAD_QUEUE
from tests.integration.callers import NamekoCaller
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ

TTL_SECONDS = 60


@pytest.fixture
def vhost(own_broker: RabbitMQ) -> Iterator[str]:
    """A virtual host without queues."""
    name = uuid.uuid4().hex
    own_broker.control("add_vhost", name)
    own_broker.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    yield name
    own_broker.control("delete_vhost", name)


@pytest.mark.timeout(900)
def test_all_queues_are_quorum_queues_and_calls_pass_them(own_broker: RabbitMQ, vhost: str, tmp_path: Path) -> None:
    uri = f"{own_broker.uri}{vhost}"
    with (
        ServiceProcess(tmp_path, uri, environ={"FILES_QUEUE_TYPE": "quorum"}),
        NamekoCaller(uri) as caller,
    ):
        record = caller.result("files.upload", owner="ann", name="x", parts=[{"size": 3}])
        assert record["status"] == "pending"
    asyncio.run(declare_door(uri))
    said = own_broker.control("list_queues", "-q", "-p", vhost, "name", "type")
    types = dict(line.split("\t") for line in said.splitlines() if not line.startswith(("name", "rpc.reply")))
    assert {"rpc-files", "rpc-files.tag", DEAD_LETTER, REDELIVERED, CHUNKS, DEAD_QUEUE} <= types.keys()
    assert set(types.values()) == {"quorum"}


def test_a_classic_queue_is_not_replaced(own_broker: RabbitMQ, vhost: str) -> None:
    with closing(open_connection(f"{own_broker.uri}{vhost}")) as connection:
        declare_service(connection.channel(), "other")
        with pytest.raises(amqp.PreconditionFailed, match="x-queue-type"):
            declare_service(connection.channel(), "other", queue_type=QUORUM)


async def declare_door(uri: str) -> None:
    async with await aio_pika.connect(uri) as connection:
        await declare(await connection.channel(), TTL_SECONDS, queue_type=QUORUM)
