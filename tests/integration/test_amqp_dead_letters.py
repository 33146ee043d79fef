"""Dead letters of the queue door are counted where there is a broker, and nothing is said where there is none."""

from __future__ import annotations

from contextlib import closing

import pytest
from amqp.basic_message import Message

from files_service.messaging.address import open_connection
from files_service.messaging.dead_letters import count_dead_letters
from files_service.services.uploads.queue_door import DEAD_QUEUE
from tests.integration.ingesting import forget_queues
from tests.servers.ports import free_ports
from tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.broker


def test_dead_letters_are_counted(amqp_uri: str) -> None:
    forget_queues(amqp_uri)
    assert count_dead_letters(amqp_uri) is None
    with closing(open_connection(amqp_uri)) as connection:
        channel = connection.channel()
        channel.queue_declare(DEAD_QUEUE, durable=True, auto_delete=False)
        channel.basic_publish(Message(b""), routing_key=DEAD_QUEUE)
        wait_until(lambda: count_dead_letters(amqp_uri) == 1, seconds=PATIENCE_SECONDS)
    forget_queues(amqp_uri)


def test_a_broker_that_is_not_there_has_no_number() -> None:
    [port] = free_ports(1)
    assert count_dead_letters(f"amqp://127.0.0.1:{port}//") is None
