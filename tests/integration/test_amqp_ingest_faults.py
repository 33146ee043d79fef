"""The queue door while workers die, the queue is full, and the broker is without disk space or gone."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import aio_pika
import amqp
import pytest

from benchmarks.processes import peak_memory_mib
from files_service.config import load_settings
from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.ingest import worker
from files_service.messaging.ingest.client import QueueSender, QueueUnavailable
from files_service.messaging.ingest.topology import CHUNKS, declare
from files_service.messaging.ingest.worker import IngestLimits
from files_service.messaging.readiness import NotReady
from files_service.services.opening import open_core
from files_service.services.uploads.queue_door import DEAD_QUEUE
from tests.cores import announced, call, memory_core
from tests.integration.ingesting import Sender, declared, forget_exchange, forget_queues, open_door
from tests.scale import at_scale
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.waiting import PATIENCE_SECONDS, wait_until

CHUNK = 64 * 1024
KILLS = at_scale(quick=2, default=20, nightly=20)
SLICES = at_scale(quick=60, default=120, nightly=600)
WORKER = ("-m", "files_service.cli", "--config", "{config}", "ingest-worker")
MOST_MEMORY_MIB = 256
LIMIT_SECONDS = 1.0


@pytest.fixture
def queues(amqp_uri: str) -> Iterator[str]:
    forget_queues(amqp_uri)
    yield amqp_uri
    forget_queues(amqp_uri)


@pytest.fixture
def core(queues: str, tmp_path: Path) -> Iterator[Core]:
    with closing(memory_core(tmp_path, amqp_uri=queues, queue_door=True, chunk_bytes=CHUNK)) as core:
        yield core


def reader(content: bytes) -> Callable[[int, int], Awaitable[bytes]]:
    async def read(start: int, length: int) -> bytes:
        return content[start : start + length]

    return read


def readiness(port: int) -> tuple[int, Any]:
    """Ask a worker whether it is ready; returns the status and the parts."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE_SECONDS) as reply:
            return reply.status, json.load(reply)["parts"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["parts"]


def test_workers_that_are_killed_lose_nothing_and_finish_once(queues: str, tmp_path: Path) -> None:
    [port] = free_ports(1)
    environ = {"FILES_QUEUE_DOOR": "on", "FILES_METRICS_HTTP": f"127.0.0.1:{port}"}
    worker = ServiceProcess(
        tmp_path, queues, command=WORKER, ready=('"taking messages"', 1), environ=environ, FILES={"chunk_bytes": CHUNK}
    )
    content = random.Random(3).randbytes(SLICES * CHUNK)
    with worker, closing(open_core(load_settings(worker.config))) as core, Sender(queues) as sender:
        address = declared(core, content, parts=[{"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}])
        assert readiness(port)[1]["broker"]["ok"]
        for kill in range(KILLS):
            # Each confirm that the sender waits for may bring answers, too.
            heard = len(sender.answers)
            for start in range(kill * CHUNK, len(content), KILLS * CHUNK):
                data = content[start : start + CHUNK]
                sender.chunk(address, start, data)
                sender.chunk(address, start, data)
            # Killed in the midst of its work: some of these messages are answered, others are not.
            sender.hear(heard + 3)
            worker.kill()
            worker.start()
        wait_until(lambda: sender.waiting() == 0, seconds=PATIENCE_SECONDS)
        sender.finish(address)
        wait_until(lambda: _done(sender) is not None, seconds=PATIENCE_SECONDS)
        file_id = address["upload_id"].partition("-")[0]
        assert {each["op"] for each in sender.answers} == {"ack", "done"}
        assert announced(core, file_id).count("uploaded") == 1
        assert call(core, "files.process", file_id=file_id)["status"] == "processed"
        assert sender.waiting(DEAD_QUEUE) == 0
        assert peak_memory_mib(worker.pid) <= MOST_MEMORY_MIB
        assert worker.stop() == 0


def _done(sender: Sender) -> Any:
    """The ``done``, if it has come."""
    with suppress(AssertionError):
        sender.hear(len(sender.answers) + 1, seconds=0.1)
    return next((each for each in sender.answers if each["op"] == "done"), None)


def test_a_full_queue_holds_senders_back_until_there_is_a_worker(core: Core, queues: str) -> None:
    content = random.Random(4).randbytes(40 * CHUNK)
    address = declared(core, content)
    limits = IngestLimits(most_bytes=4 * CHUNK)
    with open_door(core, limits):
        # The worker declares the queue.
        pass

    async def send(publish_seconds: float) -> Any:
        async with QueueSender(queues, publish_seconds=publish_seconds, ack_seconds=PATIENCE_SECONDS) as sender:
            return await sender.put(address, len(content), reader(content))

    with Sender(queues) as raw:
        # Returns once the queue has it, however slow the broker is.
        raw.chunk(address, 0, content[:CHUNK])
        began = time.monotonic()
        with pytest.raises(QueueUnavailable, match="took no chunk within 1 s"):
            asyncio.run(send(1))
        assert time.monotonic() - began < PATIENCE_SECONDS
        # Confirmed is what the queue took, and no more than it takes.
        assert 0 < raw.waiting() <= 6
    with open_door(core, limits):
        assert asyncio.run(send(PATIENCE_SECONDS))["status"] == "uploaded"


@contextmanager
def _without_disk_space(broker: RabbitMQ) -> Iterator[Callable[[], None]]:
    """Let the broker believe that its disk is full, until the end of the block or a call."""
    ended: list[bool] = []

    def end() -> None:
        if not ended:
            broker.control("set_disk_free_limit", str(50 * 10**6))
            ended.append(True)

    broker.control("set_disk_free_limit", str(2**60))
    try:
        yield end
    finally:
        end()


def test_a_broker_without_disk_space_hangs_nobody(own_broker: RabbitMQ, tmp_path: Path) -> None:
    forget_queues(own_broker.uri)
    content = random.Random(6).randbytes(3 * CHUNK)
    with closing(memory_core(tmp_path, amqp_uri=own_broker.uri, queue_door=True, chunk_bytes=CHUNK)) as core:
        address = declared(core, content)

        async def send(publish_seconds: float) -> Any:
            async with QueueSender(own_broker.uri, publish_seconds=publish_seconds) as sender:
                return await sender.put(address, len(content), reader(content))

        with open_door(core):
            # The worker declares the queue.
            pass
        with Sender(own_broker.uri) as raw:
            raw.chunk(address, 0, content[:CHUNK])
            with _without_disk_space(own_broker) as end:
                began = time.monotonic()
                with pytest.raises(QueueUnavailable, match="took no chunk within 1 s"):
                    asyncio.run(send(LIMIT_SECONDS))
                # The limit, and the closing of a connection that does not answer.
                assert time.monotonic() - began < LIMIT_SECONDS + PATIENCE_SECONDS
                with open_door(core) as door:
                    # The bytes are stored; their answer waits for the disk.
                    wait_until(lambda: door.count("blocked_seconds_total") > 0, seconds=PATIENCE_SECONDS)
                    assert door.is_ready()
                    assert not raw.answers
                    end()
                    assert raw.hear(1)[0]["op"] == "ack"
                    assert asyncio.run(send(PATIENCE_SECONDS))["status"] == "uploaded"
    forget_queues(own_broker.uri)


def test_a_worker_whose_queue_is_deleted_declares_it_again(core: Core, queues: str) -> None:
    content = random.Random(10).randbytes(3 * CHUNK)
    address = declared(core, content)
    with open_door(core), Sender(queues) as raw:
        forget_queues(queues)
        wait_until(lambda: _consumers(queues) == 1, seconds=PATIENCE_SECONDS)
        raw.chunk(address, 0, content[:CHUNK])
        assert raw.hear(1)[0]["op"] == "ack"


def test_a_worker_whose_dead_letters_have_no_queue_declares_it_and_refuses_once(core: Core, queues: str) -> None:
    content = bytes(CHUNK)
    address = declared(core, content)
    with open_door(core) as door, Sender(queues) as raw:
        raw.channel.queue_delete(DEAD_QUEUE)
        raw.chunk(address, 0, content, sha256="0" * 64)
        assert raw.hear(1)[0]["op"] == "error"
        wait_until(lambda: door.count("dead_total") == 1, seconds=PATIENCE_SECONDS)
        assert raw.waiting(DEAD_QUEUE) == 1
        raw.chunk(address, 0, content)
        assert [each["op"] for each in raw.hear(2)] == ["error", "ack"]


async def _cancelled() -> None:
    """What a library does to those who wait for a connection that it gives up."""
    given_up = asyncio.get_running_loop().create_future()
    given_up.cancel()
    await given_up


def test_a_sender_whose_connection_is_given_up_says_that_the_queue_is_unavailable(
    core: Core, queues: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = random.Random(11).randbytes(3 * CHUNK)
    address = declared(core, content)
    publish, times = aio_pika.Exchange.publish, iter(range(2))

    async def cancelled_once(self: Any, *given: Any, **named: Any) -> Any:
        if next(times, None) == 1:
            await _cancelled()
        return await publish(self, *given, **named)

    async def send() -> Any:
        async with QueueSender(queues) as sender:
            return await sender.put(address, len(content), reader(content))

    with open_door(core):
        monkeypatch.setattr(aio_pika.Exchange, "publish", cancelled_once)
        with pytest.raises(QueueUnavailable, match="the connection was given up"):
            asyncio.run(send())


def test_a_worker_whose_connection_is_given_up_while_it_declares_connects_again(
    core: Core, queues: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(range(1))

    async def cancelled_at_first(*given: Any, **named: Any) -> Any:
        if next(times, None) is not None:
            await _cancelled()
        return await declare(*given, **named)

    monkeypatch.setattr(worker, "declare", cancelled_at_first)
    with open_door(core) as door:
        assert door.is_ready()


@pytest.mark.parametrize("fault", ["cancelled", "failed"])
def test_a_worker_whose_taking_of_messages_ends_begins_it_again(
    core: Core, queues: str, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    consume, times = aio_pika.Queue.consume, iter(range(1))

    async def fail_at_first(*given: Any, **named: Any) -> Any:
        if next(times, None) is not None:
            if fault == "failed":
                raise LookupError("a fault of ours")
            await _cancelled()
        return await consume(*given, **named)

    monkeypatch.setattr(aio_pika.Queue, "consume", fail_at_first)
    content = bytes(CHUNK)
    address = declared(core, content)
    with open_door(core), Sender(queues) as raw:
        raw.chunk(address, 0, content)
        assert raw.hear(1)[0]["op"] == "ack"


def _consumers(uri: str) -> int:
    """The number of workers of the queue, 0 without it."""
    with closing(open_connection(uri)) as connection:
        try:
            return int(connection.channel().queue_declare(CHUNKS, passive=True)[2])
        except amqp.NotFound:
            return 0


def test_an_empty_file_is_its_finish(core: Core, queues: str) -> None:
    address = declared(core, b"")

    async def send() -> Any:
        async with QueueSender(queues) as sender:
            return await sender.put(address, 0, reader(b""))

    with open_door(core):
        assert asyncio.run(send())["status"] == "uploaded"


def test_a_sender_without_an_answer_gives_up_in_time(core: Core, queues: str) -> None:
    content = bytes(CHUNK)
    address = declared(core, content)

    async def send() -> Any:
        async with QueueSender(queues, ack_seconds=0.5) as sender:
            return await sender.put(address, len(content), reader(content))

    # A broker that never had a worker has no exchange either.
    for forget in (forget_exchange, forget_queues):
        forget(queues)
        with pytest.raises(QueueUnavailable, match="no queue for chunks"):
            asyncio.run(send())
        with open_door(core):
            pass
    with pytest.raises(QueueUnavailable, match=r"no answer within 0\.5 s"):
        asyncio.run(send())
    # What the broker took is stored later; its sender may have gone another way meanwhile, or comes back.
    with open_door(core), Sender(queues) as sender:
        wait_until(lambda: sender.waiting(CHUNKS) == 0, seconds=PATIENCE_SECONDS)
        sender.chunk(address, 0, content)
        assert sender.hear(1)[0]["upload_size"] == CHUNK


@pytest.mark.nightly
def test_a_worker_whose_connections_are_closed_opens_new_ones(own_broker: RabbitMQ, tmp_path: Path) -> None:
    forget_queues(own_broker.uri)
    content = random.Random(9).randbytes(3 * CHUNK)
    with closing(memory_core(tmp_path, amqp_uri=own_broker.uri, queue_door=True, chunk_bytes=CHUNK)) as core:
        address = declared(core, content)
        with open_door(core):
            own_broker.control("close_all_connections", "for the test")

            async def send() -> Any:
                async with QueueSender(own_broker.uri, ack_seconds=PATIENCE_SECONDS) as sender:
                    return await sender.put(address, len(content), reader(content))

            assert asyncio.run(send())["status"] == "uploaded"


@pytest.mark.nightly
def test_a_worker_without_a_broker_says_so_and_waits_for_it(own_broker: RabbitMQ, tmp_path: Path) -> None:
    forget_queues(own_broker.uri)
    content = random.Random(8).randbytes(3 * CHUNK)
    with closing(memory_core(tmp_path, amqp_uri=own_broker.uri, queue_door=True, chunk_bytes=CHUNK)) as core:
        address = declared(core, content)
        with open_door(core) as door:
            own_broker.kill()
            wait_until(lambda: not door.is_ready(), seconds=PATIENCE_SECONDS)
            own_broker.start()
            wait_until(door.is_ready, seconds=PATIENCE_SECONDS)

            async def send() -> Any:
                async with QueueSender(own_broker.uri) as sender:
                    return await sender.put(address, len(content), reader(content))

            assert asyncio.run(send())["status"] == "uploaded"


def test_a_sender_without_a_broker_gives_up() -> None:
    [port] = free_ports(1)

    async def connect() -> None:
        async with QueueSender(f"amqp://ann:secret@127.0.0.1:{port}/"):
            raise AssertionError("there is no broker")

    with pytest.raises(QueueUnavailable) as error:
        asyncio.run(connect())
    assert "secret" not in str(error.value)


def test_a_queue_with_other_arguments_is_named(core: Core) -> None:
    with open_door(core, IngestLimits(most_bytes=4 * CHUNK)):
        pass
    with open_door(core, IngestLimits(most_bytes=8 * CHUNK), ready=False) as door:

        def is_named() -> bool:
            try:
                door.worker.check()
            except NotReady as error:
                return "declared with other arguments" in str(error)
            return False

        wait_until(is_named, seconds=PATIENCE_SECONDS)
