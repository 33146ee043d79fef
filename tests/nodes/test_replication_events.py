"""Events of uploads at a real broker, and the replicator that hears them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import pytest

from files_service.messaging.address import open_connection
from files_service.messaging.events import Event
from files_service.messaging.publisher import AmqpPublisher
from files_service.messaging.rpc.topology import EVENT_EXCHANGE
from files_service.nodes.controller import events, replicator
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.events import EVENT, QUEUE, UploadEvents
from files_service.nodes.controller.replicator import Replicator
from files_service.services.wanted_blobs import blobs_of_record
from files_service.worker.loop import Loop
from storage_adapters import FileRecord
from tests.nodes.censuses import Cluster, cluster
from tests.servers.rabbitmq import RabbitMQ
from tests.unit.lost_bytes import chunked_file
from tests.waiting import PATIENCE_SECONDS, wait_until

CONTENT = b"0123456789" * 300


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("nodes"), "a", "b", "c") as running:
        yield running


@pytest.fixture
def broker(own_broker: RabbitMQ) -> RabbitMQ:
    with closing(open_connection(own_broker.uri)) as connection:
        connection.channel().queue_delete(QUEUE)
        # A killed broker forgets a binding that is young: an event must wait for it, not go to queues of other tests.
        connection.channel().exchange_delete(EVENT_EXCHANGE)
    return own_broker


@pytest.fixture
def publisher(broker: RabbitMQ) -> Iterator[AmqpPublisher]:
    with closing(AmqpPublisher(broker.uri)) as publisher:
        yield publisher


@contextmanager
def hearing(nodes: Cluster, uri: str) -> Iterator[tuple[Replicator, Loop]]:
    """Run the consumer and the replicator, as a controller does."""
    stopping = threading.Event()
    with ExitStack() as opened:
        controller = opened.enter_context(closing(nodes.controller()))
        watch = nodes.watch()
        watch.step()
        copier = Replicator(nodes.core, watch, lambda: controller.nodes, throttle=Throttle(), stopped=stopping.is_set)
        copying = Loop("replication", copier.step, stopping)

        def notice(file_id: str) -> None:
            copier.notice(file_id)
            copying.wake()

        hearing = Loop("events", UploadEvents(uri, notice, stopped=stopping.is_set).step, stopping)
        for loop in (copying, hearing):
            opened.callback(loop.join, PATIENCE_SECONDS)
            loop.start()
        opened.callback(stopping.set)
        yield copier, hearing


def file_with_single_copies(nodes: Cluster) -> tuple[FileRecord, list[str]]:
    """A file each of whose chunks has one copy left, and their keys."""
    record = nodes.core.metadata.get(chunked_file(nodes.core, CONTENT)["file_id"])
    keys = list(dict.fromkeys(blob.key for blob in blobs_of_record(nodes.core, record)))
    for key in keys:
        # A busy node's share may be at a third one as well.
        _, *others = sorted(nodes.holders(key))
        assert others
        for name in others:
            nodes.drop(name, key)
    assert not has_copies(nodes, keys)
    return record, keys


def has_copies(nodes: Cluster, keys: list[str]) -> bool:
    return all(len(nodes.holders(key)) >= 2 for key in keys)


def queue(uri: str) -> Any:
    """The queue as the broker sees it."""
    with closing(open_connection(uri)) as connection:
        return connection.channel().queue_declare(QUEUE, passive=True)


def tell(publisher: AmqpPublisher, file_id: str, times: int = 1) -> None:
    sent = [Event(EVENT, {"file_id": file_id}, f"{file_id}:{number}") for number in range(times)]
    assert publisher.publish_all(sent) == times


def test_an_event_brings_the_missing_copies_and_repetitions_none(
    nodes: Cluster, broker: RabbitMQ, publisher: AmqpPublisher
) -> None:
    with hearing(nodes, broker.uri) as (copier, _):
        wait_until(lambda: _is_heard(broker.uri), seconds=PATIENCE_SECONDS)
        record, wanted = file_with_single_copies(nodes)
        tell(publisher, record.file_id, times=5)
        wait_until(lambda: has_copies(nodes, wanted) and copier.copied == 5, seconds=PATIENCE_SECONDS)
        assert copier.waiting == 0


def test_what_is_no_event_is_passed_over(nodes: Cluster, broker: RabbitMQ, publisher: AmqpPublisher) -> None:
    with hearing(nodes, broker.uri) as (copier, _):
        wait_until(lambda: _is_heard(broker.uri), seconds=PATIENCE_SECONDS)
        assert publisher.publish_all([Event(EVENT, {"other": 1}, "x:1")]) == 1
        record, wanted = file_with_single_copies(nodes)
        tell(publisher, record.file_id)
        wait_until(lambda: has_copies(nodes, wanted), seconds=PATIENCE_SECONDS)
        wait_until(lambda: copier.copied == 1, seconds=PATIENCE_SECONDS)


def test_the_broker_goes_and_comes_back(nodes: Cluster, broker: RabbitMQ, publisher: AmqpPublisher) -> None:
    with hearing(nodes, broker.uri) as (_, loop):
        wait_until(lambda: _is_heard(broker.uri), seconds=PATIENCE_SECONDS)
        broker.kill()
        wait_until(lambda: loop.failures > 0, seconds=PATIENCE_SECONDS)
        broker.start()
        # Told while nobody listens again, perhaps: the queue keeps it.
        record, wanted = file_with_single_copies(nodes)
        tell(publisher, record.file_id)
        wait_until(lambda: has_copies(nodes, wanted), seconds=PATIENCE_SECONDS)
        assert loop.alive


def test_the_queue_outlives_its_consumers(nodes: Cluster, broker: RabbitMQ, publisher: AmqpPublisher) -> None:
    with hearing(nodes, broker.uri):
        wait_until(lambda: _is_heard(broker.uri), seconds=PATIENCE_SECONDS)
    record, wanted = file_with_single_copies(nodes)
    tell(publisher, record.file_id)
    assert queue(broker.uri).message_count == 1
    with hearing(nodes, broker.uri):
        wait_until(lambda: has_copies(nodes, wanted), seconds=PATIENCE_SECONDS)


def test_what_was_not_taken_comes_again(broker: RabbitMQ, publisher: AmqpPublisher) -> None:
    def fail(file_id: str) -> None:
        raise ConnectionError(file_id)

    heard: list[str] = []
    UploadEvents(broker.uri, heard.append, stopped=lambda: True).step()
    tell(publisher, "x")
    with pytest.raises(ConnectionError):
        UploadEvents(broker.uri, fail, stopped=lambda: False).step()
    UploadEvents(broker.uri, heard.append, stopped=lambda: heard == ["x"]).step()
    assert queue(broker.uri).message_count == 0


def test_queue_and_memory_are_bounded(
    nodes: Cluster, broker: RabbitMQ, publisher: AmqpPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_MOST", 10)
    with hearing(nodes, broker.uri):
        wait_until(lambda: _is_heard(broker.uri), seconds=PATIENCE_SECONDS)
    tell(publisher, "x", times=50)
    assert queue(broker.uri).message_count == 10
    monkeypatch.setattr(replicator, "MOST_WAITING", 4)
    controller = nodes.controller()
    copier = Replicator(nodes.core, nodes.watch(), lambda: controller.nodes, throttle=Throttle())
    heard: list[str] = []

    def notice(file_id: str) -> None:
        heard.append(file_id)
        copier.notice(file_id)

    UploadEvents(broker.uri, notice, stopped=lambda: len(heard) == 10).step()
    assert (copier.waiting, copier.dropped) == (4, 6)
    controller.close()


def _is_heard(uri: str) -> bool:
    """Return True when the queue gets events: its consumer binds it first."""
    try:
        return bool(queue(uri).consumer_count)
    except Exception as error:
        if getattr(error, "reply_code", None) != 404:
            raise
        return False
