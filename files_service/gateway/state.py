"""State that all doors of a running gateway share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from aiohttp import web

from files_service.api import METHODS
from files_service.core import Core
from files_service.errors import FilesError, ServiceUnavailable, storage_errors_as_files_errors
from files_service.gateway.limits import Limits
from files_service.gateway.replies import HTTPError
from files_service.gateway.threads import Threads
from files_service.runtime.limiter import (
    Limiter,
)
from files_service.runtime.line_budget import (
    LineBudget,
)
from files_service.runtime.logs import (
    ACCESS_LOGGER,
)
from files_service.runtime.metrics import Metrics
from files_service.runtime.password_hashing import AT_ONCE, QUEUE
from files_service.services.uploads.quota import uploads_of
from files_service.services.uploads.writer import Engine
from storage_adapters import JSON

logger = logging.getLogger(__name__)
access_logger = logging.getLogger(ACCESS_LOGGER)

P = ParamSpec("P")
T = TypeVar("T")


class Gateway:
    """The core, the threads that call it, limits on parallel work, and the progress of a stop."""

    def __init__(self, core: Core, limits: Limits, metrics: Metrics) -> None:
        self.core, self.limits, self.metrics = core, limits, metrics
        self.calls = Threads("call", limits.call_threads, most_of_one=_most_of_one(limits.call_threads))
        # Sign-ins wait here for their turn to hash; other calls must not wait with them.
        self.sign_ins = Threads("sign-in", AT_ONCE + QUEUE + 1)
        self.transfers = Threads("transfer", limits.transfer_threads, most_of_one=_most_of_one(limits.transfer_threads))
        self.receivers = Threads("receive", limits.uploads)
        self.send_threads = Threads("send", limits.senders)
        self.uploads = Limiter("uploads", limits.uploads)
        self.downloads = Limiter("downloads", limits.downloads)
        self.senders = Limiter("large downloads", limits.senders)
        self.refused_requests = self._budget(access_logger, "request")
        self.failed_calls = self._budget(logger, "call failed")
        self.stopping = self.giving_up = False
        self.in_flight = 0
        self.quiet = asyncio.Event()
        self.staying: set[Callable[[], None]] = set()
        self.breakable: set[asyncio.Future[Any]] = set()
        self._engine: Engine | None = None

    def _budget(self, budgeted: logging.Logger, event: str) -> LineBudget:
        return LineBudget(budgeted, event, partial(self.metrics.line_left_out, event))

    def engine(self) -> Engine:
        """Return the threads and buffers of chunked uploads, made at the first call. Raises NotSupported."""
        if self._engine is None:
            self._engine = Engine(self.core, uploads_of(self.core))
        return self._engine

    def counted(self, method: str, function: Callable[P, T]) -> Callable[P, T]:
        """Make a service function of one that counts, times and logs each call as a call of an API method.

        Every door calls the services through this, so that a call is the same in metrics and logs at each of them.
        """

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                with self.metrics.counting(method), storage_errors_as_files_errors():
                    return function(*args, **kwargs)
            except FilesError as error:
                if self.failed_calls.admits(method, error.code):
                    logger.info("call failed", extra={"method": method, "code": error.code})
                raise

        return call

    def invoke(self, method: str, params: Mapping[str, Any]) -> JSON:
        """Call an API method in this thread. Raises FilesError."""
        return self.counted(method, METHODS[method])(params, self.core)

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
        """Wait until no request is in flight; return False at the timeout."""
        if self.in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self.quiet.wait()
        return not self.in_flight

    async def unless_given_up(self, transfer: Coroutine[Any, Any, None]) -> None:
        """Run a long transfer; raise HTTPError with 503 when the gateway stops and cannot wait for it."""
        running = asyncio.ensure_future(transfer)
        self.breakable.add(running)
        try:
            await running
        except asyncio.CancelledError:
            if self.giving_up:
                raise HTTPError(ServiceUnavailable("the gateway is stopping")) from None
            raise
        finally:
            self.breakable.discard(running)

    def begin_to_stop(self) -> None:
        """Ask long-lived connections to close."""
        self.stopping = True
        for leave in list(self.staying):
            leave()

    def give_up(self) -> None:
        """Cancel all transfers."""
        self.giving_up = True
        for running in list(self.breakable):
            running.cancel()

    def close(self) -> None:
        """Close the thread pools, and report what was not logged."""
        for budget in (self.refused_requests, self.failed_calls):
            budget.report(now=True)
        self.calls.close()
        self.sign_ins.close()
        if self._engine is not None:
            self._engine.close()
        self.transfers.close()
        self.receivers.close()
        self.send_threads.close()


def _most_of_one(threads: int) -> int:
    """Return the share of one caller: all but a quarter of the threads, so that others find one."""
    return max(1, threads - max(1, threads // 4))


GATEWAY = web.AppKey("gateway", Gateway)
# Set on the application that serves the operation address.
OPERATION = web.AppKey("operation", bool)


def gateway_of(request: web.Request) -> Gateway:
    """Return the state of the request's gateway."""
    return request.config_dict[GATEWAY]


def at_operation_address(request: web.Request) -> bool:
    """Return True for a request at the address of operations, which no proxy precedes."""
    return request.config_dict.get(OPERATION, False)
