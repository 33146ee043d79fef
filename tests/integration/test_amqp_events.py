"""Events: what the relay publishes reaches a plain nameko service once per change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from amqp.exceptions import NotFound

from files_service.config import load_settings
from files_service.errors import ServiceUnavailable
from files_service.messaging.address import open_connection
from files_service.messaging.events import Event
from files_service.messaging.publisher import BINDINGS_SECONDS, AmqpPublisher
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from files_service.services.opening import open_core
from files_service.worker.run import Worker
from storage_adapters import JSON
from tests.cores import put_parts
from tests.integration.callers import NamekoCaller
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.waiting import PATIENCE_SECONDS, wait_until

HEARD = ("created", "uploaded", "processed", "updated", "removed")
LISTENER = """
import json, os
from nameko.events import event_handler

class Listener:
    name = os.environ["LISTENER"]

    @event_handler("files", "created")
    def created(self, payload): self.note("created", payload)
    @event_handler("files", "uploaded")
    def uploaded(self, payload): self.note("uploaded", payload)
    @event_handler("files", "processed")
    def processed(self, payload): self.note("processed", payload)
    @event_handler("files", "updated")
    def updated(self, payload): self.note("updated", payload)
    @event_handler("files", "removed")
    def removed(self, payload): self.note("removed", payload)

    def note(self, event, payload):
        with open("events", "a") as file:
            file.write(json.dumps([event, payload]) + "\\n")
"""


class Listener:
    """A plain nameko service, run by nameko's own command, that writes down what it hears."""

    def __init__(self, folder: Path, uri: str) -> None:
        folder.mkdir()
        (folder / "listener.py").write_text(LISTENER)
        (folder / "events").write_text("")
        self._folder, self._uri = folder, uri
        # Its queues are durable: under a name that was used before, it would hear what happened since.
        self._name = f"listener-{uuid.uuid4().hex}"
        self._queues = [f"evt-files-{event}--{self._name}.{event}" for event in HEARD]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nameko", "run", "--broker", uri, "listener"],
                cwd=folder,
                env={**os.environ, "PYTHONWARNINGS": "ignore", "LISTENER": self._name},
                stdout=log,
                stderr=log,
            )

    def wait_until_bound(self) -> None:
        """Wait until all its queues have a consumer: they are bound before, but after they are declared."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        connection = open_connection(self._uri)
        try:
            for queue in self._queues:
                while not self._has_consumer(connection, queue):
                    assert time.monotonic() < deadline, (self._folder / "log").read_text()
                    time.sleep(0.05)
        finally:
            connection.close()

    def _has_consumer(self, connection: Any, queue: str) -> bool:
        try:
            return bool(connection.channel().queue_declare(queue, passive=True).consumer_count)
        except NotFound:
            return False

    def events(self) -> list[tuple[str, JSON]]:
        return [tuple(json.loads(line)) for line in (self._folder / "events").read_text().splitlines()]

    def wait_for(self, count: int) -> list[tuple[str, JSON]]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.events()) < count:
            assert time.monotonic() < deadline, self.events()
            time.sleep(0.02)
        return self.events()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        connection = open_connection(self._uri)
        channel = connection.channel()
        for queue in self._queues:
            channel.queue_delete(queue)
        connection.close()


@pytest.fixture
def listener(amqp_uri: str, tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "listener", amqp_uri)
    listener.wait_until_bound()
    yield listener
    listener.close()


def test_each_change_is_heard_once(amqp_uri: str, rpc_service: ServiceProcess, listener: Listener) -> None:
    core = open_core(load_settings(rpc_service.config))
    publisher = AmqpPublisher(amqp_uri)
    worker = Worker(core, publisher)
    worker.start()
    try:
        with NamekoCaller(amqp_uri) as caller:
            record = caller.result("files.upload", owner="ann", name="x", parts=[{"size": 3}])
            file_id = record["file_id"]
            put_parts(core, record, [b"abc"])
            caller.result("files.finish", file_id=file_id, part_id="p0")
            listener.wait_for(3)
            for tag in ("one", "two", "two"):
                caller.result("files.tag.add", file_id=file_id, tags=[tag])
            caller.result("files.remove", file_id=file_id)
            caller.result("files.remove", file_id=file_id)
            heard = listener.wait_for(6)
            # One more change after the others: had anything been announced twice, it would be here before it.
            caller.result("files.upload", owner="ann", name="last", parts=[{"size": 3}])
            heard = listener.wait_for(7)
    finally:
        worker.stop(PATIENCE_SECONDS)
        publisher.close()
        core.close()
    assert [event for event, _ in heard[:6]] == ["created", "uploaded", "processed", "updated", "updated", "removed"]
    assert heard[2][1]["file_id"] == file_id
    assert heard[2][1]["status"] == "processed"


def is_taken(publisher: AmqpPublisher, event_id: str) -> bool:
    """Publish as the relay does: what the broker does not take is sent again."""
    try:
        publisher.publish("created", {}, event_id=event_id)
    except ServiceUnavailable:
        return False
    return True


def hurried() -> float:
    """A clock by which the wait for bindings, of which these tests have none, is soon over."""
    return 30 * time.monotonic()


def test_events_go_on_after_the_exchange_was_deleted(amqp_uri: str, listener: Listener) -> None:
    publisher = AmqpPublisher(amqp_uri, timer=hurried)
    publisher.publish("created", {"file_id": "1"}, event_id="1:1")
    connection = open_connection(amqp_uri)
    connection.channel().exchange_delete(EVENT_EXCHANGE)
    connection.close()
    wait_until(lambda: is_taken(publisher, "2:1"), seconds=PATIENCE_SECONDS)
    publisher.close()
    publisher.close()
    assert listener.wait_for(1) == [("created", {"file_id": "1"})]


def test_a_broker_that_is_paused_or_gone_is_said_and_used_again_when_it_is_back(own_broker: RabbitMQ) -> None:
    publisher = AmqpPublisher(own_broker.uri, confirm_seconds=0.3, connect_seconds=0.3, timer=hurried)
    wait_until(lambda: is_taken(publisher, "1:1"), seconds=PATIENCE_SECONDS)
    own_broker.pause()
    assert not is_taken(publisher, "1:2")
    own_broker.resume()
    wait_until(lambda: is_taken(publisher, "1:2"), seconds=PATIENCE_SECONDS)
    own_broker.kill()
    assert not is_taken(publisher, "1:3")
    own_broker.start()
    wait_until(lambda: is_taken(publisher, "1:3"), seconds=PATIENCE_SECONDS)
    publisher.close()


def test_an_event_without_a_receiver_waits_for_one_while_a_broker_has_just_come_back(own_broker: RabbitMQ) -> None:
    now = [0.0]
    with closing(open_connection(own_broker.uri)) as connection:
        # Durable queues of other tests are bound to it.
        connection.channel().exchange_delete(EVENT_EXCHANGE)
    with closing(AmqpPublisher(own_broker.uri, timer=lambda: now[0])) as publisher:
        events = [Event(name, {}, f"{number}:1") for number, name in enumerate(("created", "tagged", "removed"))]
        assert publisher.publish_all(events) == 3
        own_broker.kill()
        own_broker.start()
        with closing(open_connection(own_broker.uri)) as connection:
            channel = connection.channel()
            queue = channel.queue_declare(exclusive=True).queue
            # Of the three, only the first has a receiver.
            wait_until(lambda: publisher.publish_all(events[1:]) == 0, seconds=PATIENCE_SECONDS)
            channel.queue_bind(queue, EVENT_EXCHANGE, "created")
            assert publisher.publish_all(events) == 1
            channel.queue_bind(queue, EVENT_EXCHANGE, "tagged")
            assert publisher.publish_all(events[1:]) == 1
            now[0] += BINDINGS_SECONDS
            assert publisher.publish_all(events[2:]) == 1
            assert channel.queue_purge(queue) == 2


def test_events_are_counted_up_to_the_first_that_the_broker_refuses(amqp_uri: str) -> None:
    events = [Event("created", {"number": number}, f"{number}:1") for number in range(4)]
    with closing(AmqpPublisher(amqp_uri)) as publisher, closing(open_connection(amqp_uri)) as connection:
        assert publisher.publish_all(events[:1]) == 1
        channel = connection.channel()
        full = {"x-max-length": 2, "x-overflow": "reject-publish"}
        queue = channel.queue_declare(exclusive=True, arguments=full).queue
        channel.queue_bind(queue, EVENT_EXCHANGE, "created")
        assert publisher.publish_all(events) == 2
        with pytest.raises(ServiceUnavailable):
            publisher.publish("created", {}, event_id="9:1")
        assert channel.queue_purge(queue) == 2
        assert publisher.publish_all(events[2:]) == 2
