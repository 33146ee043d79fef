"""The exchange and the queues of the queue door."""

from __future__ import annotations

from aio_pika.abc import AbstractChannel, AbstractQueue

from files_service.messaging.rpc.topology import CLASSIC, kind_of
from files_service.services.uploads.queue_door import DEAD_QUEUE, EXCHANGE, ROUTING_KEY

CHUNKS = "files.ingest.chunks"
# A full queue refuses messages, which slows senders down.
MOST_BYTES = 2**30
DEAD_MOST_BYTES, DEAD_MOST_MESSAGES = 16 * 2**20, 10_000
DEAD_MS = 7 * 24 * 3_600_000
# The broker takes no longer times.
_LONGEST_MS = 2**32 - 1


async def declare(
    channel: AbstractChannel, ttl_seconds: int, *, most_bytes: int = MOST_BYTES, queue_type: str = CLASSIC
) -> AbstractQueue:
    """Declare everything and return the queue of chunks. Raises ChannelPreconditionFailed where it differs."""
    exchange = await channel.declare_exchange(EXCHANGE, "direct", durable=True)
    await channel.declare_queue(
        DEAD_QUEUE,
        durable=True,
        arguments={
            "x-message-ttl": DEAD_MS,
            "x-max-length": DEAD_MOST_MESSAGES,
            "x-max-length-bytes": DEAD_MOST_BYTES,
            "x-overflow": "drop-head",
            **kind_of(queue_type),
        },
    )
    queue = await channel.declare_queue(
        CHUNKS,
        durable=True,
        arguments={
            "x-max-length-bytes": most_bytes,
            "x-overflow": "reject-publish",
            "x-message-ttl": min(ttl_seconds * 1000, _LONGEST_MS),
            **kind_of(queue_type),
        },
    )
    await queue.bind(exchange, ROUTING_KEY)
    return queue
