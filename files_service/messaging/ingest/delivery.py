"""One message of the queue door, from its delivery to its acknowledgement."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import aio_pika
import orjson
from aio_pika import DeliveryMode
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError

from files_service.errors import Conflict, FilesError, InternalError
from files_service.messaging.ingest import messages
from files_service.messaging.ingest.broker import secrets_out
from files_service.messaging.ingest.messages import ChunkMessage
from files_service.messaging.ingest.metrics import IngestMetrics
from files_service.messaging.ingest.outage import Outage
from files_service.messaging.ingest.receiver import Receiver
from files_service.runtime.cancelling import own_cancellation
from files_service.services.uploads.queue_door import DEAD_QUEUE, EXCHANGE, ROUTING_KEY
from storage_adapters import JSON

logger = logging.getLogger(__name__)

# A finish overtakes chunks that other workers store; it goes behind those that wait, after a pause.
_FINISH_SECONDS = 0.2
_FAULT_SECONDS = 1.0
_LOST = (*CONNECTION_EXCEPTIONS, TimeoutError)


class Outlet:
    """The connection for answers, dead letters, and messages that are tried again.

    Each publish has a time limit. ``declare`` declares the queues, which an operator may have deleted.
    """

    def __init__(self, channel: AbstractChannel, seconds: float, *, declare: Callable[[], Awaitable[object]]) -> None:
        self._channel, self._seconds, self._declare = channel, seconds, declare

    async def reply(self, name: str, message_id: str | None, body: JSON) -> None:
        """Answer a sender; a sender that is gone gets no answer."""
        message = aio_pika.Message(
            orjson.dumps(body),
            content_type="application/json",
            correlation_id=message_id,
            type=str(body["op"]),
            delivery_mode=DeliveryMode.NOT_PERSISTENT,
        )
        await self._publish("", name, message, mandatory=False)

    async def publish_dead(self, headers: JSON, message_id: str | None) -> None:
        """Publish a dead letter."""
        message = aio_pika.Message(
            b"", headers=headers, message_id=message_id, delivery_mode=DeliveryMode.PERSISTENT, type="dead"
        )
        try:
            await self._publish("", DEAD_QUEUE, message, mandatory=True)
        except DeliveryError:
            await self._declare()
            await self._publish("", DEAD_QUEUE, message, mandatory=True)

    async def again(self, given: AbstractIncomingMessage, attempt: int) -> None:
        """Publish a message again, behind those that wait. Raises DeliveryError when the queue is full."""
        message = aio_pika.Message(
            given.body,
            headers={**messages.known_headers(given.headers), "attempt": attempt},
            message_id=given.message_id,
            correlation_id=given.correlation_id,
            type=given.type,
            reply_to=given.reply_to,
            timestamp=given.timestamp,
            delivery_mode=DeliveryMode.PERSISTENT,
        )
        await self._publish(EXCHANGE, ROUTING_KEY, message, mandatory=True)

    async def _publish(self, exchange: str, routing_key: str, message: aio_pika.Message, *, mandatory: bool) -> None:
        with own_cancellation(ConnectionError):
            await self._publish_in_time(exchange, routing_key, message, mandatory=mandatory)

    async def _publish_in_time(
        self, exchange: str, routing_key: str, message: aio_pika.Message, *, mandatory: bool
    ) -> None:
        async with asyncio.timeout(self._seconds):
            if exchange:
                target = await self._channel.get_exchange(exchange, ensure=False)
            else:
                target = self._channel.default_exchange
            await target.publish(message, routing_key, mandatory=mandatory, timeout=self._seconds)


class Delivery:
    """The handling of one message."""

    def __init__(
        self,
        message: AbstractIncomingMessage,
        receiver: Receiver,
        out: Outlet,
        metrics: IngestMetrics,
        outage: Outage,
        attempts: int,
    ) -> None:
        self._message, self._receiver, self._out = message, receiver, out
        self._metrics, self._outage, self._attempts = metrics, outage, attempts
        self._attempt = messages.attempt_of(message.headers)

    async def run(self, longest: int) -> None:
        """Handle the message; acknowledge it after its answer, or give it back."""
        message = self._message
        self._note_arrival(message.timestamp)
        try:
            outcome = await self._handle(longest)
            await (message.ack() if outcome != "given_back" else message.nack(requeue=True))
        except _LOST as error:
            # Without our acknowledgement the broker delivers the message again, and repeated bytes change nothing.
            outcome = "given_back"
            logger.info("message not acknowledged", extra={"error": secrets_out(error)})
            if isinstance(error, DeliveryError):
                # The connection stands, and the message comes back at once.
                await asyncio.sleep(_FAULT_SECONDS)
            await self._give_back()
        except Exception:
            outcome = "given_back"
            logger.exception("message failed")
            await asyncio.sleep(_FAULT_SECONDS)
            await self._give_back()
        self._metrics.chunks.labels(outcome).inc()

    async def _handle(self, longest: int) -> str:
        message = self._message
        reply_to = messages.reply_name(message.reply_to)
        try:
            if reply_to is None:
                raise messages.hostile_reply()
            parsed = messages.parse(message.type, message.message_id, message.headers, message.body, longest=longest)
            take = self._receiver.take(parsed) if isinstance(parsed, ChunkMessage) else self._receiver.finish(parsed)
            answer = await take
        except FilesError as error:
            return await self._fail(error, reply_to)
        except Exception:
            logger.exception("message failed")
            return await self._fail(InternalError("the ingest worker failed; its log has the details"), reply_to)
        await self._out.reply(reply_to, message.message_id, answer)
        return str(answer["op"])

    async def _fail(self, error: FilesError, reply_to: str | None) -> str:
        """Refuse the message, or try it again later while that may help."""
        is_early = isinstance(error, Conflict) and "missing" in error.details
        if (is_early or not messages.is_permanent(error)) and self._attempt + 1 < self._attempts:
            return await self._try_later(error, is_early=is_early)
        if reply_to is not None:
            await self._out.reply(reply_to, self._message.message_id, messages.refusal(error))
        message, now = self._message, int(time.time() * 1000)
        headers = messages.dead_headers(message.headers, message.body, error, message.type, now)
        await self._out.publish_dead(headers, message.message_id[:200] if message.message_id else None)
        self._metrics.dead.inc()
        logger.info("message refused", extra={"code": error.code, "upload_id": headers.get("upload_id")})
        return "refused"

    async def _try_later(self, error: FilesError, *, is_early: bool) -> str:
        """Put the message behind those that wait, once the stores answer; give it back where that is impossible."""
        if error.http_status in (502, 503):
            if not await self._outage.wait():
                return "given_back"
        else:
            await asyncio.sleep(_FINISH_SECONDS * 2**self._attempt)
        try:
            await self._out.again(self._message, self._attempt + 1)
        except DeliveryError:
            # The queue is full; this message keeps its place in it.
            return "given_back"
        return "early" if is_early else "retried"

    async def _give_back(self) -> None:
        try:
            await self._message.nack(requeue=True)
        except _LOST:
            return

    def _note_arrival(self, sent_at: datetime | None) -> None:
        if self._message.redelivered:
            self._metrics.redeliveries.inc()
        if sent_at is not None:
            self._metrics.queue_age.set(max(0.0, time.time() - sent_at.timestamp()))
