"""One connection to a real broker, which fails while something is sent."""

from __future__ import annotations

import socket

import eventlet
import pytest

from files_service.messaging.rpc.connection import CONNECTION_ERRORS, BrokerConnection
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def link(amqp_uri: str) -> BrokerConnection:
    link = BrokerConnection(amqp_uri, heartbeat=60)
    queue = link.channel.queue_declare(exclusive=True).queue
    link.consume(queue, prefetch=1)
    return link


def publish_into_a_closed_socket(link: BrokerConnection) -> None:
    link._connection.transport.sock.shutdown(socket.SHUT_WR)
    link.publish("", "nowhere", b"\0\0", b"x", settles=None, more_to_come=False)


def test_reading_raises_the_failure_that_sending_noticed_before(link: BrokerConnection) -> None:
    publish_into_a_closed_socket(link)
    with eventlet.Timeout(PATIENCE_SECONDS), pytest.raises(CONNECTION_ERRORS):
        link.run(lambda _: None)
    assert not link.is_open


def test_reading_raises_the_failure_that_sending_notices_meanwhile(link: BrokerConnection) -> None:
    reading = eventlet.spawn(link.run, lambda _: None)
    eventlet.sleep(0)
    publish_into_a_closed_socket(link)
    with eventlet.Timeout(PATIENCE_SECONDS), pytest.raises(CONNECTION_ERRORS):
        reading.wait()


def test_reading_returns_when_the_connection_is_closed_on_purpose(link: BrokerConnection) -> None:
    reading = eventlet.spawn(link.run, lambda _: None)
    eventlet.sleep(0)
    link.finish()
    with eventlet.Timeout(PATIENCE_SECONDS):
        reading.wait()
    assert not link.is_open
