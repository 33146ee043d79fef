"""The ingest worker: takes messages from the broker, and acknowledges each after its bytes are stored and answered.

It has two connections, because a broker that runs out of disk space reads nothing more from one that publishes: on its
own connection, the acknowledgement of stored chunks still arrives and frees the disk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, ChannelPreconditionFailed

from files_service.core import Core
from files_service.messaging.ingest.broker import connect, secrets_out
from files_service.messaging.ingest.delivery import Delivery, Outlet
from files_service.messaging.ingest.metrics import IngestMetrics
from files_service.messaging.ingest.outage import Outage
from files_service.messaging.ingest.receiver import Receiver
from files_service.messaging.ingest.topology import CHUNKS, MOST_BYTES, declare
from files_service.messaging.readiness import NotReady
from files_service.runtime.backoff import delay_after
from files_service.runtime.cancelling import own_cancellation
from files_service.services.uploads.queue_door import window

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.5, 30.0
WATCH_SECONDS = 1.0
# Of both connections, their channels and the declarations.
_OPEN_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestLimits:
    """Limits of a worker. ``prefetch`` 0 is as many chunks as fit the memory."""

    prefetch: int = 0
    attempts: int = 5
    publish_seconds: float = 60.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    most_bytes: int = MOST_BYTES


class IngestWorker:
    """The queue door of one process. Any number may run."""

    def __init__(self, core: Core, metrics: IngestMetrics, limits: IngestLimits | None = None) -> None:
        self._core, self._metrics, self._limits = core, metrics, limits or IngestLimits()
        self._receiver = Receiver(core, metrics)
        self._stopping = asyncio.Event()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._fault = "not connected yet"
        self._outage = Outage(self._receiver.ping, self._limits, self._stopping)

    async def run(self) -> None:
        """Take messages until ``stop``; connect again whenever the broker is gone."""
        failures = 0
        while not self._stopping.is_set():
            try:
                with own_cancellation(ConnectionError):
                    async with self._session():
                        failures = 0
                        await self._wait_for_end()
            except ChannelPreconditionFailed as error:
                self._note(f"the queue {CHUNKS} was declared with other arguments: delete it when it is empty", error)
            except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
                self._note("the broker does not answer", error)
            if not self._stopping.is_set():
                failures += 1
                delay = delay_after(failures, first=FIRST_DELAY_SECONDS, longest=LONGEST_DELAY_SECONDS)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)

    def stop(self) -> None:
        """Take no more messages; ``run`` returns when those in progress are done."""
        self._stopping.set()

    def close(self) -> None:
        """End the threads, after ``run``."""
        self._receiver.close()

    def check(self) -> None:
        """Return while messages are taken. Raises NotReady."""
        if self._fault:
            raise NotReady(self._fault)
        if self._outage.is_on:
            raise NotReady("paused: a store does not answer")

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """Take messages over two new connections for the time of the block."""
        uri, limits, settings = self._core.settings.amqp_uri, self._limits, self._core.settings
        async with AsyncExitStack() as stack:
            # A broker may stand still behind the connecting, too.
            async with asyncio.timeout(_OPEN_SECONDS):
                taking = await connect(stack, uri, "files ingest-worker: messages")
                giving = await connect(stack, uri, "files ingest-worker: answers")
                out = await giving.channel(publisher_confirms=True, on_return_raises=True)
                declaring = partial(
                    declare,
                    out,
                    settings.upload_ttl_seconds,
                    most_bytes=limits.most_bytes,
                    queue_type=settings.queue_type,
                )
                await declaring()
                channel = await taking.channel()
                await channel.set_qos(prefetch_count=limits.prefetch or window(settings.chunk_bytes))
                underlay = await channel.get_underlay_channel()
            ends = self._ends = asyncio.Event()
            for each in (taking, giving, channel, out):
                each.close_callbacks.add(lambda *_: ends.set())
            # The broker cancels the consumer of a queue that is deleted, and says so here alone.
            underlay.on_consumer_cancel_callbacks.add(lambda *_: ends.set())
            watching = asyncio.create_task(self._watch(giving))
            stack.callback(watching.cancel)
            outlet = Outlet(out, limits.publish_seconds, declare=declaring)
            consuming = asyncio.create_task(self._consume(channel, outlet))
            try:
                yield
            finally:
                consuming.cancel()
                await asyncio.gather(consuming, return_exceptions=True)
                await self._settle()

    async def _consume(self, channel: AbstractChannel, out: Outlet) -> None:
        """Consume while the stores answer; stop consuming while they do not."""
        queue = await channel.get_queue(CHUNKS, ensure=False)

        async def begin(message: AbstractIncomingMessage) -> None:
            # In a task of its own: that of the channel is cancelled with it, in the middle of a write.
            delivery = Delivery(message, self._receiver, out, self._metrics, self._outage, self._limits.attempts)
            task = asyncio.create_task(delivery.run(self._core.settings.chunk_bytes))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)

        try:
            while True:
                await self._outage.over()
                tag = await queue.consume(begin)
                self._fault = ""
                logger.info("taking messages", extra={"queue": CHUNKS})
                try:
                    await self._outage.begins()
                finally:
                    await queue.cancel(tag)
        except (*CONNECTION_EXCEPTIONS, TimeoutError) as error:
            logger.info("taking messages ended", extra={"error": secrets_out(error)})
        except Exception:
            logger.exception("taking messages failed")
        finally:
            # Whatever ended it, another session begins.
            self._ends.set()

    async def _wait_for_end(self) -> None:
        waits = [asyncio.create_task(each.wait()) for each in (self._ends, self._stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        if not self._stopping.is_set():
            self._note("the broker closed the connection", None)

    async def _settle(self) -> None:
        """Wait for the messages in progress; what is not acknowledged then comes again, to any worker."""
        if self._deliveries:
            await asyncio.wait(set(self._deliveries), timeout=self._core.settings.stop_timeout_seconds)

    async def _watch(self, connection: AbstractConnection) -> None:
        """Count the time in which the broker blocks our answers."""
        loop = asyncio.get_running_loop()
        while connection.transport is not None:
            started = loop.time()
            waiting = asyncio.ensure_future(connection.transport.connection.ready())
            done, _ = await asyncio.wait({waiting}, timeout=WATCH_SECONDS)
            if not done:
                waiting.cancel()
                self._metrics.blocked_seconds.inc(loop.time() - started)
            else:
                await asyncio.sleep(WATCH_SECONDS)

    def _note(self, fault: str, error: BaseException | None) -> None:
        self._fault = fault
        logger.warning("no connection to the broker", extra={"fault": fault, "error": secrets_out(error)})
