"""A network between a client and a server that breaks when it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_SECONDS

PIECE = 64 * 1024


class Network:
    """Forwards connections to a server. ``cuts`` are numbers of bytes sent, in all, after which a connection breaks."""

    def __init__(self, url: str) -> None:
        self.cuts: deque[int] = deque()
        self.lose_answer = threading.Event()
        self.sent = 0
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(0.1)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._dead: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True, name="network")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._thread.join(PATIENCE_SECONDS)
        self._listener.close()
        _cut(*self._open)

    def forget_connections(self) -> None:
        """Take what comes on the connections of now and pass nothing on, as a NAT that has forgotten them."""
        self._dead |= self._open

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(self._target, timeout=60)
            except OSError:
                client.close()
                continue
            client.settimeout(None)
            server.settimeout(None)
            self._open |= {client, server}
            for source, sink, forward in ((client, server, self._request), (server, client, self._answer)):
                threading.Thread(target=self._carry, args=(source, sink, forward), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, may_pass: Any) -> None:
        try:
            while piece := source.recv(PIECE):
                if source in self._dead:
                    continue
                if not may_pass(piece):
                    break
                sink.sendall(piece)
        except OSError:
            pass
        _cut(source, sink)
        self._open -= {source, sink}

    def _request(self, piece: bytes) -> bool:
        with self._lock:
            self.sent += len(piece)
            if self.cuts and self.sent > self.cuts[0]:
                self.cuts.popleft()
                return False
        return True

    def _answer(self, piece: bytes) -> bool:
        if self.lose_answer.is_set() and piece.partition(b"\r\n")[0].split()[1:2] == [b"200"]:
            self.lose_answer.clear()
            return False
        return True


def _cut(*connections: socket.socket) -> None:
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
