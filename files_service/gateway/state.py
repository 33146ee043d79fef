"""What all handlers share while the gateway runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from files_service.core import Core
from files_service.errors import ServiceUnavailable
from files_service.gateway.doors.websocket.messages import OFFSET_BYTES
from files_service.gateway.limits import Limits
from files_service.gateway.replies import Refused
from files_service.gateway.transfer.memory_budget import Budget
from files_service.gateway.transfer.threads import Threads
from files_service.gateway.transfer.upload_locks import Rights
from files_service.runtime.metrics import Metrics
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.writer import IN_FLIGHT, Engine


@dataclass(slots=True)
class Places:
    """A number of places of which each running thing takes one, in whatever thread."""

    name: str
    limit: int
    taken: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place; raise Refused with 503 when all are taken: waiting clients would fill the memory."""
        with self._lock:
            if self.taken >= self.limit:
                error = ServiceUnavailable(f"too many {self.name} at once", {"limit": self.limit})
                raise Refused(error, headers={"Retry-After": "1"})
            self.taken += 1
        try:
            yield
        finally:
            with self._lock:
                self.taken -= 1


@dataclass(slots=True)
class Gateway:
    """The core, the threads it is called in, and how busy everything is."""

    core: Core
    limits: Limits
    metrics: Metrics
    calls: Threads
    transfers: Threads
    receivers: Threads
    send_threads: Threads
    call_places: Places
    long_calls: Places
    uploads: Places
    strangers: Places
    downloads: Places
    senders: Places
    slices: Budget
    strange_words: Budget
    rights: Rights = field(default_factory=Rights)
    _engine: Engine | None = None
    frames: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_FLIGHT))
    staying: set[Callable[[], None]] = field(default_factory=set)
    stopping: bool = False
    giving_up: bool = False
    breakable: set[asyncio.Future[Any]] = field(default_factory=set)
    in_flight: int = 0
    quiet: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, core: Core, limits: Limits, metrics: Metrics) -> Gateway:
        """Make the state of a gateway over this core."""
        slice_bytes = core.settings.chunk_bytes + OFFSET_BYTES
        return cls(
            core=core,
            limits=limits,
            metrics=metrics,
            calls=Threads("call", limits.call_threads),
            transfers=Threads("transfer", limits.transfer_threads),
            receivers=Threads("receive", limits.uploads),
            send_threads=Threads("send", limits.senders),
            call_places=Places("calls", limits.calls),
            long_calls=Places("long calls", limits.long_calls),
            uploads=Places("uploads", limits.uploads),
            strangers=Places("connections without a token", limits.strangers),
            downloads=Places("downloads", limits.downloads),
            senders=Places("large downloads", limits.senders),
            slices=Budget(max(limits.websocket_bytes, 2 * slice_bytes), time.monotonic),
            strange_words=Budget(limits.strangers * limits.stranger_bytes, time.monotonic),
        )

    def engine(self) -> Engine:
        """The threads and the memory of uploads in chunks, made when first asked for. Raises NotSupported."""
        if self._engine is None:
            self._engine = Engine(self.core, uploads_of(self.core))
        return self._engine

    @contextmanager
    def request_in_flight(self) -> Iterator[None]:
        """Count a request; a stopping gateway waits until ``quiet``."""
        self.in_flight += 1
        self.quiet.clear()
        try:
            yield
        finally:
            self.in_flight -= 1
            if not self.in_flight:
                self.quiet.set()

    async def becomes_quiet(self, timeout_seconds: float) -> bool:
        """Wait until no request is in flight; whether that came about in time."""
        if self.in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self.quiet.wait()
        return not self.in_flight

    async def unless_given_up(self, transfer: Coroutine[Any, Any, None]) -> None:
        """Run a transfer, which may last; raise Refused with 503 when the gateway stops and cannot wait for it."""
        running = asyncio.ensure_future(transfer)
        self.breakable.add(running)
        try:
            await running
        except asyncio.CancelledError:
            if self.giving_up:
                raise Refused(ServiceUnavailable("the gateway is stopping")) from None
            raise
        finally:
            self.breakable.discard(running)

    def begin_to_stop(self) -> None:
        """Let those know who would stay for long."""
        self.stopping = True
        for leave in list(self.staying):
            leave()

    def give_up(self) -> None:
        """Break off all transfers."""
        self.giving_up = True
        for running in list(self.breakable):
            running.cancel()

    def close(self) -> None:
        """Give the threads up."""
        self.calls.close()
        if self._engine is not None:
            self._engine.close()
        self.transfers.close()
        self.receivers.close()
        self.send_threads.close()


GATEWAY = web.AppKey("gateway", Gateway)


def gateway_of(request: web.Request) -> Gateway:
    """The state that belongs to the request's application."""
    return request.config_dict[GATEWAY]
