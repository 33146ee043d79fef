"""A bare consumer: writes each message to a file, syncs it, answers and acknowledges. Nothing is checked.

``python -m benchmarks.peers.queue_sink URI QUEUE FOLDER``
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from files_service.services.uploads.queue_door import EXCHANGE, ROUTING_KEY

PREFETCH = 8


async def serve(uri: str, queue_name: str, folder: Path) -> None:
    """Consume for ever."""
    connection = await aio_pika.connect(uri)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    exchange = await channel.declare_exchange(EXCHANGE, "direct", durable=True)
    queue = await channel.declare_queue(queue_name, durable=True)
    await queue.bind(exchange, ROUTING_KEY)
    numbers = count()

    async def take(message: AbstractIncomingMessage) -> None:
        await asyncio.to_thread(_store, folder / str(next(numbers)), message.body)
        answer = aio_pika.Message(b'{"op": "ack"}', correlation_id=message.message_id)
        await channel.default_exchange.publish(answer, message.reply_to or "", mandatory=False)
        await message.ack()

    await queue.consume(take)
    print("ready", flush=True)
    await asyncio.Event().wait()


def _store(path: Path, body: bytes) -> None:
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
