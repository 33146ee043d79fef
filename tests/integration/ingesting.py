"""A worker of the queue door in a thread, and senders that publish right and wrong messages."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import TracebackType
from typing import Any, Self

import amqp
from amqp.basic_message import Message

from files_service.core import Core
from files_service.messaging.address import open_connection
from files_service.messaging.ingest.metrics import IngestMetrics
from files_service.messaging.ingest.topology import CHUNKS
from files_service.messaging.ingest.worker import IngestLimits, IngestWorker
from files_service.messaging.readiness import NotReady
from files_service.runtime.metrics import Metrics
from files_service.services.uploads.queue_door import DEAD_QUEUE, EXCHANGE
from storage_adapters import JSON
from tests.cores import pending_file
from tests.waiting import PATIENCE_SECONDS, wait_until

REPLY_QUEUE = "amq.rabbitmq.reply-to"


class Door:
    """A worker that runs."""

    def __init__(self, worker: IngestWorker, metrics: Metrics) -> None:
        self.worker, self.metrics = worker, metrics

    def is_ready(self) -> bool:
        """Return whether the worker takes messages."""
        try:
            self.worker.check()
        except NotReady:
            return False
        return True

    def count(self, name: str, **labels: str) -> float:
        """The value of a metric of the door."""
        return self.metrics.registry.get_sample_value(f"files_ingest_{name}", labels) or 0.0


@contextmanager
def open_door(core: Core, limits: IngestLimits | None = None, *, ready: bool = True) -> Iterator[Door]:
    """Run a worker for the time of the block, and wait until it takes messages."""
    metrics, loop = Metrics(), asyncio.new_event_loop()

    async def make() -> IngestWorker:
        return IngestWorker(core, IngestMetrics(metrics), limits)

    worker = loop.run_until_complete(make())
    thread = threading.Thread(target=loop.run_until_complete, args=(worker.run(),), name="door")
    thread.start()
    door = Door(worker, metrics)
    try:
        if ready:
            wait_until(door.is_ready, seconds=PATIENCE_SECONDS)
        yield door
    finally:
        loop.call_soon_threadsafe(worker.stop)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
        worker.close()
        loop.close()


def forget_queues(uri: str) -> None:
    """Delete the queues of the door, whatever their arguments are."""
    with closing(open_connection(uri)) as connection:
        channel = connection.channel()
        for queue in (CHUNKS, DEAD_QUEUE):
            channel.queue_delete(queue)


def forget_exchange(uri: str) -> None:
    """Delete the exchange of the door, as in a broker that never had a worker."""
    with closing(open_connection(uri)) as connection:
        connection.channel().exchange_delete(EXCHANGE)


def declared(core: Core, content: bytes, **params: Any) -> JSON:
    """Declare a file of these bytes; return the address of the queue door for it."""
    record = pending_file(core, content, **params)
    address: JSON = record["parts"][0]["amqp"]
    return address


class Sender:
    """Publishes messages by py-amqp, as a program in another language does."""

    def __init__(self, uri: str) -> None:
        self.connection = open_connection(uri, confirm_publish=True)
        self.channel = self.connection.channel()
        self.answers: list[JSON] = []
        self.channel.basic_consume(REPLY_QUEUE, no_ack=True, callback=self._hear)

    def publish(self, address: JSON, kind: str, body: bytes = b"", **changed: Any) -> None:
        """Publish one message; ``changed`` replaces headers and properties, None leaves one out."""
        reply_to = changed.pop("reply_to", REPLY_QUEUE)
        properties = {"type": kind, "reply_to": reply_to, "delivery_mode": 2, "message_id": changed.pop("message_id")}
        headers = {"v": 1, "token": address["token"], "upload_id": address["upload_id"], **changed}
        kept = {name: value for name, value in properties.items() if value is not None}
        said = {name: value for name, value in headers.items() if value is not None}
        message = Message(body, application_headers=said, **kept)
        self.channel.basic_publish(message, exchange=address["exchange"], routing_key=address["routing_key"])

    def chunk(self, address: JSON, start: int, data: bytes, **changed: Any) -> None:
        """Publish a chunk that is right but for what is changed."""
        right = {"slice_start": start, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        right["message_id"] = f"{address['upload_id']}:{start}"
        self.publish(address, changed.pop("kind", "chunk"), data, **{**right, **changed})

    def finish(self, address: JSON, **changed: Any) -> None:
        """Publish the end of an upload."""
        self.publish(address, "finish", **{"message_id": f"{address['upload_id']}:finish", **changed})

    def hear(self, count: int, seconds: float = PATIENCE_SECONDS) -> list[JSON]:
        """Wait until there are so many answers in all; return them."""
        end = time.monotonic() + seconds
        while len(self.answers) < count:
            assert time.monotonic() < end, f"{len(self.answers)} answers of {count}: {self.answers[-3:]}"
            try:
                self.connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue
        return self.answers

    def dead(self, count: int) -> list[JSON]:
        """Wait for so many dead letters; return their headers."""
        found: list[JSON] = []

        def take() -> bool:
            while (message := self.channel.basic_get(DEAD_QUEUE, no_ack=True)) is not None:
                assert message.body in (b"", "")
                found.append(message.properties["application_headers"])
            return len(found) >= count

        wait_until(take, seconds=PATIENCE_SECONDS, otherwise=f"too few dead letters: {found}")
        return found

    def waiting(self, queue: str = CHUNKS) -> int:
        """The number of messages that wait in a queue."""
        return int(self.channel.queue_declare(queue, passive=True)[1])

    def _hear(self, message: Message) -> None:
        self.answers.append({**json.loads(message.body), "message_id": message.properties.get("correlation_id")})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.connection.close()
        except (OSError, amqp.AMQPError):
            self.connection.collect()
