"""A proxy that lets a certain number of bytes through to a gateway, and then holds everything."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.waiting import PATIENCE_SECONDS

# What the system keeps of a connection on its way would otherwise be megabytes, which a killed server loses.
BUFFER_BYTES = 65_536


class Valve:
    """Connections to one port; ``open_for`` more bytes pass, the others wait."""

    def __init__(self, target: int) -> None:
        self.target = target
        self._left = 0
        self._changed = threading.Condition()
        self._is_used_up = threading.Event()
        self.port = 0

    def open_for(self, count: int) -> None:
        """Let so many bytes pass."""
        with self._changed:
            self._left = count
            self._is_used_up.clear()
            self._changed.notify_all()

    def wait_until_used_up(self) -> None:
        """Return when the last byte has passed and further ones wait."""
        assert self._is_used_up.wait(PATIENCE_SECONDS), "the client sent too little"

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
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
            threading.Thread(target=_answer, args=(server, client), daemon=True).start()
            while data := client.recv(BUFFER_BYTES):
                while data:
                    passing = self._take(len(data))
                    server.sendall(data[:passing])
                    data = data[passing:]
            server.shutdown(socket.SHUT_RDWR)

    def _take(self, count: int) -> int:
        with self._changed:
            if not self._left:
                self._is_used_up.set()
            while not self._left:
                self._changed.wait()
            passing = min(count, self._left)
            self._left -= passing
            return passing


def _answer(server: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while data := server.recv(BUFFER_BYTES):
            client.sendall(data)
    with suppress(OSError):
        # The client of a server that was killed gets a reset, as from the system of the server.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def valve(target: int) -> Iterator[Valve]:
    """Run a valve in front of a port; it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        found = Valve(target)
        found.port = listener.getsockname()[1]
        thread = threading.Thread(target=found.serve, args=(listener,), daemon=True)
        thread.start()
        yield found
        # What still waits ends with its client.
        found.open_for(2**60)
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_SECONDS)
