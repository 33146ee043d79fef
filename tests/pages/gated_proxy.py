"""A network between browser and server that counts what is sent up, holds it back, and can be cut."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WAIT_SECONDS = 300
_PIECE = 16_384
_HEAD_END = b"\r\n\r\n"
_UPLOADS = (b"GET /ws/upload", b"PATCH /tus/", b"POST /tus/")


@dataclass
class GatedProxy:
    """Forwards to a port. Connections that bring uploads get through up to ``limit`` bytes, all of them together."""

    target: int
    limit: int = 0
    passed: int = 0
    port: int = 0
    refused: tuple[bytes, ...] = ()
    # Bytes in a second for all uploads together; 0: as fast as may be.
    rate: int = 0
    # The longest body of an upload's request that is taken; 0: any.
    longest: int = 0
    _open: set[socket.socket] = field(default_factory=set)
    _away: bool = False
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Where the server seems to be."""
        return f"http://127.0.0.1:{self.port}"

    def let_through(self, limit: int) -> None:
        """Let so many bytes of uploads pass, from the beginning on."""
        with self._changed:
            self.limit = limit
            self._changed.notify_all()

    def wait_until_passed(self, count: int) -> None:
        """Return once so many bytes of uploads have passed."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.passed >= count, WAIT_SECONDS), self.passed

    def cut(self) -> None:
        """Take the network away: what is open breaks, what is new is refused."""
        with self._changed:
            self._away = True
            self._changed.notify_all()
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Bring the network back."""
        with self._changed:
            self._away = False

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            with self._changed:
                if self._away:
                    return
                self._open |= {client, server}
            back = threading.Thread(target=self._answer, args=(server, client), daemon=True)
            back.start()
            try:
                while data := client.recv(_PIECE):
                    if data.startswith(self.refused) and self.refused:
                        return
                    if not data.startswith(_UPLOADS):
                        server.sendall(data)
                    elif self.longest and _length_of(data) > self.longest:
                        self._answer_too_large(data, client)
                    elif not self._carry(data, client, server):
                        return
            finally:
                with self._changed:
                    self._open -= {client, server}
                for each in (server, client):
                    with suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                back.join(WAIT_SECONDS)

    def _carry(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Carry what belongs to an upload, as much of it as is let through; return True at the end of a request."""
        left = None if data.startswith(b"GET") else data.index(_HEAD_END) + len(_HEAD_END) + _length_of(data)
        while data:
            with self._changed:
                end = time.monotonic() + WAIT_SECONDS
                while self.passed >= self.limit:
                    if self._away or client not in self._open or time.monotonic() > end:
                        return False
                    self._changed.wait(0.05)
                    if _is_closed(server):
                        return False
            if self.rate:
                # A slow line: this is its speed, not a wait for something.
                time.sleep(len(data) / self.rate)
            server.sendall(data)
            with self._changed:
                self.passed += len(data)
                self._changed.notify_all()
            if left is not None:
                left -= len(data)
                if left == 0:
                    return True
            data = client.recv(_PIECE)
        return False

    @staticmethod
    def _answer_too_large(data: bytes, client: socket.socket) -> None:
        """Take the whole request, and answer as a proxy with a limit does."""
        left = data.index(_HEAD_END) + len(_HEAD_END) + _length_of(data) - len(data)
        while left and (more := client.recv(min(left, 65_536))):
            left -= len(more)
        client.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nlarge")

    @staticmethod
    def _answer(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
        for each in (server, client):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _length_of(request: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)\r\n", request, re.IGNORECASE)
    return int(found[1]) if found else 0


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.fileno() < 0 or connection.getpeername() is None
    except OSError:
        return True


@contextmanager
def gated(target: int) -> Iterator[GatedProxy]:
    """Run a proxy in front of a port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        proxy = GatedProxy(target, port=listener.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.cut()
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(WAIT_SECONDS)
