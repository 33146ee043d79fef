"""Writes through the load balancer: at another gateway while no byte was sent, and otherwise never a second time."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.servers.caddy import Caddy, ask
from tests.servers.ports import free_ports

BODY = b"x" * 1_000_000
MOST = 200


class Gateway(BaseHTTPRequestHandler):
    """A gateway that takes everything; one that ``breaks`` closes the connection when it has the body."""

    protocol_version = "HTTP/1.1"
    received: Counter[bytes]
    breaks = False

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received[body[:20]] += body == self.headers["X-Number"].encode().ljust(20) + BODY
        if self.breaks:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._ok()

    def do_GET(self) -> None:
        self._ok()

    def _ok(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def gateway(received: Counter[bytes], *, breaks: bool = False) -> Iterator[int]:
    """Serve one; yield its port."""
    kind = type("Running", (Gateway,), {"received": received, "breaks": breaks})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(port: int, number: int) -> int:
    name = str(number).encode()
    return ask(port, "POST", "/x", name.ljust(20) + BODY, {"X-Number": str(number)})[0]


def test_a_write_goes_to_another_gateway_while_nothing_listens_at_one(tmp_path: Path) -> None:
    received: Counter[bytes] = Counter()
    port, dead = free_ports(2)
    with gateway(received) as sound, Caddy(tmp_path, [dead, sound], port=port):
        assert [send(port, number) for number in range(10)] == [200] * 10
    assert sorted(received.values()) == [1] * 10


def test_a_write_that_a_gateway_may_have_taken_is_not_sent_again(tmp_path: Path) -> None:
    received: Counter[bytes] = Counter()
    [port] = free_ports(1)
    statuses: list[int] = []
    with (
        gateway(received) as sound,
        gateway(received, breaks=True) as broken,
        Caddy(tmp_path, [broken, sound], port=port),
    ):
        while 502 not in statuses and len(statuses) < MOST:
            statuses.append(send(port, len(statuses)))
    assert statuses[-1] == 502
    assert received == Counter({str(number).encode().ljust(20): 1 for number in range(len(statuses))})
