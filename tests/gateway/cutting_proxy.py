"""A bad network: a proxy that cuts connections on their way in, and loses answers on their way out."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.waiting import PATIENCE_SECONDS


@dataclass
class CuttingProxy:
    """Forwards to a port; so many connections meet with an accident, the others do not."""

    target: int
    accidents: int
    random: random.Random
    port: int = 0
    met: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _accident(self) -> str | None:
        with self._lock:
            if self.met >= self.accidents or self.random.random() < 0.3:
                return None
            self.met += 1
            return self.random.choice(["cut", "cut", "lose"])

    def _forward(self, client: socket.socket) -> None:
        kind = self._accident()
        left = self.random.randrange(2 * 2**20) if kind == "cut" else None
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            back = threading.Thread(target=self._answer, args=(server, client, kind == "lose"), daemon=True)
            back.start()
            while data := client.recv(65_536):
                if left is not None:
                    data = data[:left]
                    left -= len(data)
                server.sendall(data)
                if left == 0:
                    return
            server.shutdown(socket.SHUT_WR)
            back.join(60)

    @staticmethod
    def _answer(server: socket.socket, client: socket.socket, lose: bool) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                if lose and not data.startswith(b"HTTP/1.1 100"):
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def cutting(target: int, *, accidents: int, seed: int) -> Iterator[CuttingProxy]:
    """Run a proxy in front of a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = CuttingProxy(target, accidents, random.Random(seed), port=listener.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(listener,), daemon=True)
        thread.start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(PATIENCE_SECONDS)
