"""The number of dead letters of the queue door."""

from __future__ import annotations

import amqp

from files_service.messaging.address import open_connection
from files_service.services.uploads.queue_door import DEAD_QUEUE

TIMEOUT_SECONDS = 5.0


def count_dead_letters(amqp_uri: str) -> int | None:
    """Return the number, None where the broker does not answer, or has no such queue yet."""
    try:
        connection = open_connection(amqp_uri, connect_timeout=TIMEOUT_SECONDS)
    except (OSError, ValueError, amqp.AMQPError):
        return None
    try:
        declared = connection.channel().queue_declare(DEAD_QUEUE, passive=True)
        return int(declared.message_count)
    except (OSError, amqp.AMQPError):
        return None
    finally:
        connection.collect()
