"""A sender for the queue door.

``put`` returns when the upload is complete. Until a chunk has its ``ack``, the sender keeps the right to send it
again, here or at another door: ``read`` may be asked for the same bytes twice. Every wait has a limit; past it the
sender gives up with QueueUnavailable, and the caller continues the same upload by HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Self

import aio_pika
import orjson
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelNotFoundEntity, DeliveryError, PublishError

from files_service.messaging.ingest.broker import connect, secrets_out
from files_service.messaging.ingest.messages import CHUNK, FINISH, REPLY_QUEUE, VERSION, message_id_of
from files_service.runtime.cancelling import own_cancellation
from storage_adapters import JSON

# With the closing of a connection that does not answer, a publish ends within 60 s.
PUBLISH_SECONDS, ACK_SECONDS = 55.0, 120.0
_FULL_SECONDS, _LONGEST_FULL_SECONDS = 0.1, 2.0
# The bytes from an offset on, of a length; called in the event loop, so it reads in a thread by itself.
Read = Callable[[int, int], Awaitable[bytes]]


class QueueUnavailable(Exception):
    """The queue door does not take the bytes now: continue the upload by HTTP."""


class QueueRefused(Exception):
    """The service refuses the upload, at every door. ``error`` has code, message and details."""

    def __init__(self, error: JSON) -> None:
        super().__init__(f"{error.get('code')}: {error.get('message')}")
        self.error = error


class QueueSender:
    """One connection to the broker, for any number of uploads. ``amqp`` is the address in an answer of the service."""

    def __init__(
        self,
        uri: str,
        *,
        name: str = "",
        publish_seconds: float = PUBLISH_SECONDS,
        ack_seconds: float = ACK_SECONDS,
    ) -> None:
        self._uri, self._name = uri, name
        self._publish_seconds, self._ack_seconds = publish_seconds, ack_seconds
        self._stack = AsyncExitStack()
        self._waiting: dict[str, asyncio.Future[JSON]] = {}

    async def __aenter__(self) -> Self:
        try:
            with own_cancellation(ConnectionError):
                self._connection = await connect(self._stack, self._uri, "files queue sender")
                self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
                replies = await self._channel.get_queue(REPLY_QUEUE, ensure=False)
                await replies.consume(self._receive, no_ack=True)
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            await self._stack.aclose()
            raise QueueUnavailable(f"no connection to the broker: {secrets_out(error)}") from error
        except BaseException:
            # Nobody leaves what nobody has entered.
            await self._stack.aclose()
            raise
        self._channel.close_callbacks.add(self._lost)
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()

    async def put(
        self, amqp: JSON, size: int, read: Read, *, sha256: str | None = None, only: Iterable[tuple[int, int]] = ()
    ) -> JSON:
        """Send an upload and complete it; return the ``done``. ``only`` are the missing ranges, by default all.

        Raises QueueUnavailable, QueueRefused, and what ``read`` raises.
        """
        length, window = int(amqp["chunk_bytes"]), asyncio.Semaphore(int(amqp["window"]))
        left = 0

        async def send(start: int, end: int) -> None:
            nonlocal left
            try:
                await self.send(amqp, start, await read(start, end - start))
                left -= 1
            finally:
                window.release()

        ranges = list(only) or [(0, size)]
        try:
            async with asyncio.TaskGroup() as group:
                for first, last in ranges:
                    for start in range(first, last, length):
                        await window.acquire()
                        left += 1
                        group.create_task(send(start, min(last, start + length)))
        except BaseExceptionGroup as several:
            # One error stands for all: the others are of chunks that were in flight with it.
            raise several.exceptions[0] from None
        if left:
            # A group takes a task that a library has cancelled for one that has ended.
            raise QueueUnavailable("the sending of a chunk was given up")
        return await self.finish(amqp, size, sha256)

    async def send(self, amqp: JSON, slice_start: int, data: bytes, *, sha256: str | None = None) -> JSON:
        """Send one chunk; return its ``ack``, after which its bytes are on stable storage."""
        # In a thread: meanwhile other chunks are sent.
        sha256 = sha256 or (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
        headers = {"slice_start": slice_start, "size": len(data), "sha256": sha256}
        return await self._ask(amqp, CHUNK, message_id_of(amqp["upload_id"], slice_start), headers, data)

    async def finish(self, amqp: JSON, size: int | None = None, sha256: str | None = None) -> JSON:
        """Complete an upload whose chunks all have their ``ack``; return the ``done``."""
        headers = {name: value for name, value in (("size", size), ("sha256", sha256)) if value is not None}
        return await self._ask(amqp, FINISH, f"{amqp['upload_id']}:finish", headers, b"")

    async def _ask(self, amqp: JSON, kind: str, message_id: str, headers: JSON, body: bytes) -> JSON:
        answered: asyncio.Future[JSON] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answered
        try:
            with own_cancellation(QueueUnavailable):
                await self._publish(amqp, kind, message_id, headers, body)
                answer = await asyncio.wait_for(answered, self._ack_seconds)
        except TimeoutError as error:
            raise QueueUnavailable(f"no answer within {self._ack_seconds:g} s") from error
        finally:
            self._waiting.pop(message_id, None)
            if not answered.cancel() and not answered.cancelled():
                # A publish that failed has said already what the lost connection says again.
                answered.exception()
        if answer["op"] == "error":
            raise QueueRefused(answer)
        return answer

    async def _publish(self, amqp: JSON, kind: str, message_id: str, headers: JSON, body: bytes) -> None:
        """Publish within the time limit; wait while the queue is full. Raises QueueUnavailable."""
        common = {"v": VERSION, "token": amqp["token"], "upload_id": amqp["upload_id"], "attempt": 0}
        message = aio_pika.Message(
            body,
            headers={**common, **headers, "name": self._name},
            message_id=message_id,
            type=kind,
            reply_to=REPLY_QUEUE,
            timestamp=datetime.now(UTC),
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        pause = _FULL_SECONDS
        try:
            exchange = await self._channel.get_exchange(amqp["exchange"], ensure=False)
            # A broker without disk space takes the bytes of a publish and says nothing.
            async with asyncio.timeout(self._publish_seconds):
                while True:
                    try:
                        await exchange.publish(message, amqp["routing_key"], mandatory=True)
                    except (PublishError, ChannelNotFoundEntity) as error:
                        raise QueueUnavailable("the broker has no queue for chunks: is a worker running?") from error
                    except DeliveryError:
                        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads senders
                        pause = min(2 * pause, _LONGEST_FULL_SECONDS)
                    else:
                        return
        except TimeoutError as error:
            raise QueueUnavailable(f"the broker took no chunk within {self._publish_seconds:g} s") from error
        except QueueUnavailable:
            raise
        except Exception as error:
            # A connection that is closed meanwhile ends a publish with an error of no type of its own.
            raise QueueUnavailable(f"the connection to the broker broke: {secrets_out(error)}") from error

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        waiting = self._waiting.get(message.correlation_id or "")
        if waiting is not None and not waiting.done():
            waiting.set_result(orjson.loads(message.body))

    def _lost(self, *_: Any) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(QueueUnavailable("the connection to the broker broke"))
