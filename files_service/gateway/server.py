"""The gateway as a running server: its addresses, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence

from files_service.core import Core
from files_service.gateway.app import DOORS, PUBLIC_DOORS, make_app, make_operation_app
from files_service.gateway.connections import Connections, most_connections, raise_descriptor_limit
from files_service.gateway.endpoint import Endpoint
from files_service.gateway.limits import Limits
from files_service.gateway.routes import Door
from files_service.gateway.state import GATEWAY
from files_service.messaging.readiness import Part
from files_service.runtime.addresses import host_and_port
from files_service.runtime.metrics import Metrics

logger = logging.getLogger(__name__)

# The time in which a cancelled transfer discards its bytes and answers.
GIVE_UP_SECONDS = 3.0
# Two for each connection, and those of the stores and threads.
_DESCRIPTORS = 16_384
# The time for which a thread may keep the loop waiting for the interpreter; the default of 5 ms adds up over the turns
# of the loop that a request takes, and over the threads that want it, too.
_SWITCH_SECONDS = 0.0005


class GatewayServer:
    """Server of the gateway, from ``start`` to ``stop``: at its address, and at that of operations if there is one."""

    def __init__(
        self,
        core: Core,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        parts: Sequence[Part] = (),
        doors: Sequence[Door] | None = None,
    ) -> None:
        limits = limits or Limits()
        self._operation_http = core.settings.operation_http
        doors = doors or (PUBLIC_DOORS if self._operation_http else DOORS)
        self._app = make_app(core, limits, metrics, parts, doors)
        self.connections = Connections(
            most_connections(limits.connections), limits.connections_of_peer, core.settings.trusted_proxies
        )
        self._public = Endpoint(self._app, limits, self.connections)
        # Connections of its own: strangers who hold all others keep no operator away.
        most = limits.operation_connections
        self._operation = (
            Endpoint(make_operation_app(self._app), limits, Connections(most, most)) if self._operation_http else None
        )

    async def start(self, host: str, port: int) -> int:
        """Start to serve; return the port, which the system chooses for 0. Raises AddressUnavailable."""
        if self._operation is not None:
            await self._operation.start(*host_and_port(self._operation_http))
        try:
            return await self._public.start(host, port)
        except BaseException:
            if self._operation is not None:
                await self._operation.close()
            raise

    async def stop(self, timeout_seconds: float) -> None:
        """Refuse connections, answer the requests in flight, then close. Requests that take longer are cancelled.

        The operation address answers until the end.
        """
        gateway = self._app[GATEWAY]
        gateway.begin_to_stop()
        await self._public.refuse()
        if not await gateway.becomes_quiet(timeout_seconds):
            logger.warning("requests are cancelled", extra={"requests": gateway.in_flight})
            gateway.give_up()
            await gateway.becomes_quiet(GIVE_UP_SECONDS)
        if self._operation is not None:
            await self._operation.close()
        await self._public.close()


async def serve(
    core: Core,
    *,
    on_ready: Callable[[int], None],
    on_stopping: Callable[[], None] | None = None,
    metrics: Metrics | None = None,
    parts: Sequence[Part] = (),
    doors: Sequence[Door] | None = None,
) -> None:
    """Serve at the addresses of the settings until SIGTERM or SIGINT; a second signal ends the process at once.

    ``parts`` add to the readiness of the stores. ``on_ready`` gets the port; ``on_stopping`` is called at the signal,
    before the wait for requests in flight.
    """
    settings = core.settings
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()

    raise_descriptor_limit(_DESCRIPTORS)
    sys.setswitchinterval(_SWITCH_SECONDS)
    server = GatewayServer(core, metrics=metrics, parts=parts, doors=doors)
    port = await server.start(settings.http_host, settings.http_port)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        on_ready(port)
        await stop.wait()
        logger.info("stopping")
        if on_stopping is not None:
            on_stopping()
    finally:
        await server.stop(settings.stop_timeout_seconds)
