"""A node as a process: its disk, its server, its pings."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from files_service.nodes.identity import NodeRefused
from files_service.nodes.inventory import InventoryBroken
from files_service.nodes.node import FileNode, initialize
from files_service.nodes.pinging import Pinger
from files_service.nodes.server import NodeServer
from files_service.runtime.clock import now_ms
from storage_adapters import JSON
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.http import SignedClient

logger = logging.getLogger(__name__)

# Another start does not help behind the first, and does behind the second.
Reason: TypeAlias = NodeRefused | InventoryBroken
_IDLE_SECONDS = 75.0
# Of a body, before the socket is left alone: few wakings of the loop for a chunk.
_READ_AHEAD = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """The options of the command."""

    root: Path
    host: str
    port: int
    url: str
    zone: str
    weight: float
    controllers: tuple[str, ...]
    cluster: str
    floor_bytes: int
    secret: str = field(repr=False)


class RunningNode:
    """A node from its start until a signal.

    Raises NodeRefused when it must not run, and OSError when the address is not free: before the folder is made, so
    that the same start with ``init`` can be repeated.
    """

    def __init__(self, options: NodeOptions, *, init: bool) -> None:
        self._options = options
        self._keys = NodeKeys.derive(options.secret)
        self._client = SignedClient(self._keys)
        self._socket = _bound(options.host, options.port)
        try:
            if init:
                initialize(options.root, options.cluster)
            caller = NodeCaller(self._client)
            self.node = FileNode(options.root, options.cluster, caller, floor_bytes=options.floor_bytes)
        except BaseException:
            self._socket.close()
            raise

    async def serve(self, signalled: int, *, on_ready: Callable[[str], None]) -> Reason | None:
        """Serve until the descriptor is readable, or the node must not go on: then return why.

        Raises OSError when another process listens at the address since.
        """
        loop = asyncio.get_running_loop()
        stopped: asyncio.Future[Reason | None] = loop.create_future()

        def stop(reason: Reason | None = None) -> None:
            if not stopped.done():
                stopped.set_result(reason)

        def end(reason: Reason) -> None:
            loop.call_soon_threadsafe(stop, reason)

        server = NodeServer(self.node, self._keys)
        runner = web.AppRunner(
            server.app,
            access_log=None,
            shutdown_timeout=5,
            keepalive_timeout=_IDLE_SECONDS,
            auto_decompress=False,
            read_bufsize=_READ_AHEAD,
        )
        loop.add_reader(signalled, stop)
        try:
            await runner.setup()
            site = web.SockSite(runner, self._socket)
            await site.start()
            url = self._options.url or _url_of(self._socket)
            pinger = Pinger(
                self._client,
                self._options.controllers,
                lambda: self._ping(url),
                has_disk=self.node.is_there,
                stopping=self.node.stopping,
                refused=end,
            )
            try:
                await loop.run_in_executor(None, pinger.ping)
            except NodeRefused as error:
                return error
            self.node.start(on_broken=end)
            pinging = loop.run_in_executor(None, pinger.run)
            on_ready(url)
            reason = await stopped
            self.node.stopping.set()
            await runner.cleanup()
            await pinging
            return reason
        finally:
            loop.remove_reader(signalled)
            await runner.cleanup()
            await server.close()
            self._socket.close()
            self.node.close()
            self._client.close()

    def _ping(self, url: str) -> JSON:
        record, status, options = self.node.folder.record, self.node.status(), self._options
        return {
            "id": record.node_id,
            "cluster": record.cluster,
            "boot": record.boot_id,
            "boots": record.boots,
            "url": url,
            "zone": options.zone,
            "weight": options.weight,
            "free": status.free,
            "total": status.total,
            "epoch": record.epoch,
            "clock": now_ms(),
            "digest_root": status.digest_root,
            "complete": status.complete,
            "read_only": status.read_only,
            "medium": f"device-{self.node.device}",
            "damaged": status.quarantined,
            "oldest_unverified_seconds": status.oldest_unverified_seconds,
        }


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket at an address; connections are refused until the node listens. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(address)
    except BaseException:
        found.close()
        raise
    return found


def _url_of(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
