"""All connections of a gateway: their number, in all and by peer, bounded below the limit of descriptors."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from files_service.gateway.peers import is_trusted, peer_at
from files_service.runtime.addresses import Network

logger = logging.getLogger(__name__)

# Descriptors besides those of connections and of the files that they send or receive.
RESERVED = 160
# The system has no descriptor left, or no memory for a connection.
_PAUSE_SECONDS = 0.1
_LOG_SECONDS = 60.0
# So few that a turn of the loop stays short.
_AT_ONCE = 8


class Closable(Protocol):
    """A connection as it is seen here."""

    @property
    def idle(self) -> bool:
        """State of the connection: True while no request is complete and none is answered."""

    def force_close(self) -> None:
        """Close the connection."""


def raise_descriptor_limit(wanted: int) -> None:
    """Raise the soft limit of descriptors as far as the hard one allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def most_connections(wanted: int) -> int:
    """Return the number of connections for which there are descriptors: each may need one more for a file."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, (soft - RESERVED) // 2))


class Connections:
    """The open connections. A new one beyond the limit takes the place of the one that is idle for longest."""

    def __init__(self, most: int, most_of_peer: int, proxies: Sequence[Network] = ()) -> None:
        self.most, self._most_of_peer, self._proxies = most, min(most, most_of_peer), proxies
        self._open: dict[Closable, str] = {}
        self._of_peer: Counter[str] = Counter()
        self._room = asyncio.Event()
        self.websockets = 0
        self._said_at = float("-inf")

    def __len__(self) -> int:
        return len(self._open)

    def of_peer(self, peer: str) -> int:
        """Return the number of connections of a peer."""
        return self._of_peer[peer]

    def add(self, connection: Closable, host: str) -> bool:
        """Count a connection; return False for one too many of its peer. A trusted proxy may have all."""
        peer, most = peer_at(host), self.most if is_trusted(host, self._proxies) else self._most_of_peer
        if self._of_peer[peer] >= most and not self._close_idle(peer):
            self.say("a peer has too many connections; more are closed", peer=peer, limit=most)
            return False
        self._open[connection] = peer
        self._of_peer[peer] += 1
        return True

    def remove(self, connection: Closable) -> None:
        """Forget a connection. Idempotent."""
        peer = self._open.pop(connection, None)
        if peer is not None:
            self._of_peer[peer] -= 1
            if not self._of_peer[peer]:
                del self._of_peer[peer]
            self._room.set()

    def used(self, connection: Closable) -> None:
        """Count the time in which a connection is idle from now on."""
        if (peer := self._open.pop(connection, None)) is not None:
            self._open[connection] = peer

    async def wait_for_room(self) -> None:
        """Wait until another connection has a place: the oldest idle one is closed for it."""
        while len(self._open) >= self.most:
            self.say("the gateway has all its connections; idle ones are closed", limit=self.most)
            if not self._close_idle():
                self._room.clear()
                await self._room.wait()

    def say(self, message: str, **fields: Any) -> None:
        """Log a warning, at most one in a minute: an attack must not fill the log."""
        now = asyncio.get_running_loop().time()
        if now - self._said_at >= _LOG_SECONDS:
            self._said_at = now
            logger.warning(message, extra=fields)

    def close_idle(self) -> None:
        """Close the oldest idle connection, if there is one."""
        self._close_idle()

    def _close_idle(self, peer: str | None = None) -> bool:
        for connection, owner in self._open.items():
            if connection.idle and peer in (None, owner):
                connection.force_close()
                self.remove(connection)
                return True
        return False


async def accept(listener: socket.socket, connections: Connections, protocol: Callable[[], Any]) -> None:
    """Accept connections until cancelled, never more than there is room for.

    asyncio's own server accepts without a bound, and logs each attempt when the descriptors are used up.
    """
    accepted = 0
    beginning: set[asyncio.Task[Any]] = set()
    try:
        while True:
            await connections.wait_for_room()
            try:
                connection = await _accept_one(listener)
            except ConnectionError:
                continue
            except OSError as error:
                connections.say("no connection can be accepted", error=str(error))
                connections.close_idle()
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            task = asyncio.ensure_future(_begin(protocol, connection))
            beginning.add(task)
            task.add_done_callback(beginning.discard)
            task.add_done_callback(partial(_close_unless_begun, connection))
            accepted += 1
            if accepted % _AT_ONCE == 0 or len(connections) + len(beginning) >= connections.most:
                # The loop counts those that have begun, and serves others in between.
                await asyncio.wait(set(beginning))
    finally:
        for task in beginning:
            task.cancel()


async def _accept_one(listener: socket.socket) -> socket.socket:
    """Accept a connection. Raises OSError.

    The loop's own ``sock_accept`` loses a connection that has arrived when it is cancelled; this leaves it to the
    listener.
    """
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            await _arrival(listener)
        else:
            connection.settimeout(0)
            return connection


async def _arrival(listener: socket.socket) -> None:
    """Wait for a connection."""
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener, arrived.set)
    try:
        await arrived.wait()
    finally:
        loop.remove_reader(listener)


async def _begin(protocol: Callable[[], Any], connection: socket.socket) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
    except OSError:
        # The peer has gone already.
        connection.close()


def _close_unless_begun(connection: socket.socket, task: asyncio.Task[Any]) -> None:
    """Close the connection of a task that was cancelled, perhaps before it could do anything."""
    if task.cancelled():
        connection.close()
