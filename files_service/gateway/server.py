"""The gateway as a running server: the listening socket, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from files_service.core import Core
from files_service.gateway.app import DOORS, make_app
from files_service.gateway.connection import Connection
from files_service.gateway.connections import Connections, accept, most_connections, raise_descriptor_limit
from files_service.gateway.limits import Limits
from files_service.gateway.routes import Door
from files_service.gateway.state import GATEWAY
from files_service.messaging.readiness import Part
from files_service.runtime.metrics import Metrics

logger = logging.getLogger(__name__)

# The time in which a cancelled transfer discards its bytes and answers.
GIVE_UP_SECONDS = 3.0
_BACKLOG = 1024
# Two for each connection, and those of the stores and threads.
_DESCRIPTORS = 16_384
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


class GatewayServer:
    """Server of an application at one address, from ``start`` to ``stop``."""

    def __init__(
        self,
        core: Core,
        *,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        parts: Sequence[Part] = (),
        doors: Sequence[Door] = DOORS,
    ) -> None:
        self._limits = limits or Limits()
        self._core = core
        self._app = make_app(core, self._limits, metrics, parts, doors)
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1)
        self.connections = Connections(
            most_connections(self._limits.connections), self._limits.connections_of_peer, core.settings.trusted_proxies
        )
        self._accepting: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Start to serve; return the port, which the system chooses for 0. Raises OSError for an address in use."""
        await self._runner.setup()
        try:
            listeners = await _listen(host, port)
        except OSError:
            await self._runner.cleanup()
            raise
        for listener in listeners:
            if _TCP_USER_TIMEOUT is not None:
                listener.setsockopt(
                    socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(self._limits.stalled_send_seconds * 1000)
                )
            self._accepting.append(asyncio.ensure_future(self._accept(listener)))
        taken: int = listeners[0].getsockname()[1]
        return taken

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            await accept(listener, self.connections, self._connection)

    def _connection(self) -> Connection:
        server = self._runner.server
        assert server is not None
        limits = self._limits
        options: dict[str, Any] = {
            "keepalive_timeout": limits.idle_connection_seconds,
            "max_line_size": limits.line_bytes,
            "max_field_size": limits.header_bytes,
            "max_headers": limits.headers,
            "read_bufsize": limits.read_buffer_bytes,
            # The signature covers the body as it is sent, and a small body must not become a large one.
            "auto_decompress": False,
            "lingering_time": 5.0,
            "access_log": None,
        }
        return Connection(server, self.connections, limits, loop=asyncio.get_running_loop(), **options)

    async def stop(self, timeout_seconds: float) -> None:
        """Refuse connections, answer the requests in flight, then close. Requests that take longer are cancelled."""
        gateway = self._app[GATEWAY]
        gateway.begin_to_stop()
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        if not await gateway.becomes_quiet(timeout_seconds):
            logger.warning("requests are cancelled", extra={"requests": gateway.in_flight})
            gateway.give_up()
            await gateway.becomes_quiet(GIVE_UP_SECONDS)
        await self._runner.cleanup()


async def _listen(host: str, port: int) -> list[socket.socket]:
    """Listen at all addresses of the host. Raises OSError for an address in use."""
    loop = asyncio.get_running_loop()
    # asyncio binds the sockets; the first decides the port of the others.
    server = await loop.create_server(asyncio.Protocol, host, port, backlog=_BACKLOG, start_serving=False)
    try:
        listeners = [socket.socket(fileno=os.dup(each.fileno())) for each in server.sockets]
    finally:
        server.close()
    for listener in listeners:
        listener.settimeout(0)
        listener.listen(_BACKLOG)
    return listeners


async def serve(
    core: Core,
    *,
    on_ready: Callable[[int], None],
    on_stopping: Callable[[], None] | None = None,
    metrics: Metrics | None = None,
    parts: Sequence[Part] = (),
) -> None:
    """Serve at the address of the settings until SIGTERM or SIGINT; a second signal ends the process at once.

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
    server = GatewayServer(core, metrics=metrics, parts=parts)
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
