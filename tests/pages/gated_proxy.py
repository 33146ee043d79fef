"""A network between browser and server that counts what is sent up, holds it back, and can be cut."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

WAIT_SECONDS = 300
_PIECE = 16_384
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
                    if data.startswith(_UPLOADS):
                        self._carry(data, client, server)
                        return
                    server.sendall(data)
            finally:
                with self._changed:
                    self._open -= {client, server}
                for each in (server, client):
                    with suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                back.join(WAIT_SECONDS)

    def _carry(self, data: bytes, client: socket.socket, server: socket.socket) -> None:
        """Carry what belongs to an upload, as much of it as is let through."""
        while data:
            with self._changed:
                end = time.monotonic() + WAIT_SECONDS
                while self.passed >= self.limit:
                    if self._away or client not in self._open or time.monotonic() > end:
                        return
                    self._changed.wait(0.05)
                    if _is_closed(server):
                        return
            if self.rate:
                # A slow line: this is its speed, not a wait for something.
                time.sleep(len(data) / self.rate)
            server.sendall(data)
            with self._changed:
                self.passed += len(data)
                self._changed.notify_all()
            data = client.recv(_PIECE)

    @staticmethod
    def _answer(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                client.sendall(data)
        for each in (server, client):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


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
