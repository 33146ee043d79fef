"""An application at one address: its listening sockets and its connections."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

from aiohttp import web

from files_service.gateway.connection import Connection
from files_service.gateway.connections import Connections, accept
from files_service.gateway.limits import Limits

_BACKLOG = 1024
_TCP_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


class AddressUnavailable(Exception):
    """An address at which the system does not let us listen; ``error`` is the system's."""

    def __init__(self, address: str, error: OSError) -> None:
        super().__init__(f"cannot listen on {address}: {error}")
        self.address, self.error = address, error


class Endpoint:
    """An application that is served at one address, from ``start`` to ``close``."""

    def __init__(self, app: web.Application, limits: Limits, connections: Connections) -> None:
        self._limits, self.connections = limits, connections
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._accepting: list[asyncio.Task[None]] = []

    async def start(self, host: str, port: int) -> int:
        """Start to serve; return the port, which the system chooses for 0. Raises AddressUnavailable."""
        await self._runner.setup()
        try:
            listeners = await _listen(host, port)
        except OSError as error:
            await self._runner.cleanup()
            raise AddressUnavailable(f"{host}:{port}", error) from error
        for listener in listeners:
            if _TCP_USER_TIMEOUT is not None:
                listener.setsockopt(
                    socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, int(self._limits.stalled_send_seconds * 1000)
                )
            self._accepting.append(asyncio.ensure_future(self._accept(listener)))
        taken: int = listeners[0].getsockname()[1]
        return taken

    async def refuse(self) -> None:
        """Refuse new connections. Idempotent."""
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)

    async def close(self) -> None:
        """Close all connections and the application."""
        await self.refuse()
        await self._runner.cleanup()

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
            "lingering_time": limits.linger_seconds,
            "access_log": None,
        }
        return Connection(server, self.connections, limits, loop=asyncio.get_running_loop(), **options)


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
