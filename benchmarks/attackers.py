"""Peers that attack a gateway, each kind in a process of its own: ``python -m benchmarks.attackers NAME PORT``."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress

from benchmarks.processes import SECRETS
from files_service.gateway.auth.bearer import make_token

PEERS = 3_000
_HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 4_000
_HANDSHAKE = (
    b"GET /ws/upload HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: files-upload.v1\r\n"
)
_PONGS = b"\x8a\x80\0\0\0\0" * 10_000
_PAUSE_SECONDS = 0.005


def _token() -> bytes:
    return make_token("attacker", SECRETS["FILES_JWT_SECRET"], 3_600).encode()


def _connect(port: int, held: ExitStack, address: str) -> socket.socket:
    return held.enter_context(socket.create_connection(("127.0.0.1", port), 60, (address, 0)))


def unfinished_heads(port: int) -> None:
    """Open connections that never finish their headers."""
    with ExitStack() as round_:
        for number in range(PEERS):
            with suppress(OSError):
                _connect(port, round_, f"127.0.0.{2 + number % 3}").sendall(_HEAD)
        time.sleep(1)


def idle_websockets(port: int) -> None:
    """Hold WebSockets of one owner that begin no upload."""
    with ExitStack() as held:
        for _ in range(256):
            _connect(port, held, "127.0.0.5").sendall(_HANDSHAKE + b"Authorization: Bearer " + _token() + b"\r\n\r\n")
        time.sleep(3_600)


def pongs(port: int) -> None:
    """Send empty pongs on the WebSockets of strangers as fast as they are read."""
    strangers: list[socket.socket] = []
    with ExitStack() as held:
        while True:
            while len(strangers) < 8:
                strangers.append(_connect(port, held, "127.0.0.6"))
                strangers[-1].sendall(_HANDSHAKE + b"\r\n")
                strangers[-1].setblocking(False)
            for each in list(strangers):
                try:
                    each.send(_PONGS)
                except BlockingIOError:
                    continue
                except OSError:
                    strangers.remove(each)
                    each.close()
            time.sleep(_PAUSE_SECONDS)


def preambles(port: int) -> None:
    """Send forms that begin with megabytes of newlines."""
    head = (
        b"POST /api/files/upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 30000000\r\nAuthorization: Bearer " + _token() + b"\r\n\r\n"
    )
    with ExitStack() as round_:
        connection = _connect(port, round_, "127.0.0.7")
        connection.sendall(head)
        for _ in range(300):
            connection.sendall(b"\n" * 100_000)


def scrapes(port: int) -> None:
    """Ask for the metrics on many connections."""
    _ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "127.0.0.8")


def refusals(port: int) -> None:
    """Ask for addresses that do not exist, on many connections."""
    _ask(port, b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "127.0.0.9")


def _ask(port: int, request: bytes, address: str) -> None:
    with ExitStack() as round_:
        asked = [_connect(port, round_, address) for _ in range(16)]
        for each in asked:
            each.sendall(request)
        for each in asked:
            while each.recv(65_536):
                pass


ATTACKS: dict[str, Callable[[int], None]] = {
    f"{PEERS} unfinished heads": unfinished_heads,
    "256 idle WebSockets of one owner": idle_websockets,
    "empty pongs of strangers": pongs,
    "forms of 30 MB of newlines": preambles,
    "scrapes of /metrics": scrapes,
    "requests for addresses that do not exist": refusals,
}


def main(name: str, port: int) -> None:
    """Attack again and again, as long as the process that started this one lives."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192) if hard != resource.RLIM_INFINITY else 8_192, hard))
    parent = os.getppid()
    while os.getppid() == parent:
        with suppress(OSError):
            ATTACKS[name](port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
