"""Senders of the door benchmarks, with minimal overhead, so that the servers are measured.

All send the same: blocks of 4 MiB with a random beginning, so that no two chunks are equal.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import urlsplit

BLOCK = 4 << 20
TUS = {"Tus-Resumable": "1.0.0"}


class Blocks:
    """An endless source of blocks; ``same`` repeats the same content each time."""

    def __init__(self, *, same: bool = False) -> None:
        self._block = bytearray(os.urandom(BLOCK))
        self._same = same

    def of(self, size: int) -> Iterator[memoryview]:
        """Return blocks with this total size."""
        for number in range(0, size, BLOCK):
            mark = number.to_bytes(16, "big") if self._same else os.urandom(16)
            self._block[:16] = mark
            yield memoryview(self._block)[: min(BLOCK, size - number)]


def send_raw(port: int, blocks: Blocks, size: int) -> None:
    """Send to the raw loop of ``raw_socket``."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        for block in blocks.of(size):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b"."


def send_tus(port: int, token: str, blocks: Blocks, size: int, path: str = "/tus/") -> str:
    """Send by tus in one PATCH; return the id of the file."""
    with_token = {**TUS, **({"Authorization": f"Bearer {token}"} if token else {})}
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", path, None, {**with_token, "Upload-Length": str(size)})
    location = connection.getresponse().headers["Location"]
    connection.close()
    headers = {**with_token, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    _send(port, "PATCH", urlsplit(location).path or location, headers, blocks, size)
    return location.rpartition("/")[2].partition("-")[0]


def send_rest(port: int, token: str, blocks: Blocks, size: int) -> str:
    """Send by REST; return the id of the file."""
    body = _send(port, "POST", "/api/files/upload?name=one.bin", {"Authorization": f"Bearer {token}"}, blocks, size)
    file_id: str = json.loads(body)["file_id"]
    return file_id


def send_websocket(port: int, token: str, blocks: Blocks, size: int) -> str:
    """Send by WebSocket, one slice per frame; return the id of the file. The frames are masked with zeros."""
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            (
                "GET /ws/upload HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: files-upload.v1\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        answers = connection.makefile("rb")
        while answers.readline() not in (b"\r\n", b""):
            pass
        _say(connection, {"op": "start", "name": "one.bin", "size": size})
        window = int(_hear(connection, answers)["window"])
        places = threading.Semaphore(window)
        slices = -(-size // BLOCK)

        def take_acks() -> None:
            for _ in range(slices):
                answer = _hear(connection, answers)
                assert answer["op"] == "ack", answer
                places.release()

        acks = threading.Thread(target=take_acks)
        acks.start()
        offset = 0
        for block in blocks.of(size):
            places.acquire()
            head = b"\x82\xff" + (len(block) + 8).to_bytes(8, "big") + b"\0\0\0\0" + offset.to_bytes(8, "big")
            connection.sendall(head)
            connection.sendall(block)
            offset += len(block)
        acks.join()
        _say(connection, {"op": "finish"})
        file_id: str = _hear(connection, answers)["file_id"]
        return file_id


def receive(port: int, head: bytes, size: int) -> None:
    """Send a request and discard the response until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        buffer, total = bytearray(1 << 20), 0
        while count := connection.recv_into(buffer):
            total += count
        assert total >= size, total


def _send(port: int, method: str, path: str, headers: dict[str, str], blocks: Blocks, size: int) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {size}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"{head}\r\n".encode())
        for block in blocks.of(size):
            connection.sendall(block)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 20"), answer[:500]
    return answer.partition(b"\r\n\r\n")[2]


def _say(connection: socket.socket, message: dict[str, object]) -> None:
    text = json.dumps(message).encode()
    connection.sendall(bytes([0x81, 0x80 | len(text)]) + b"\0\0\0\0" + text)


def _hear(connection: socket.socket, answers: BinaryIO) -> dict[str, Any]:
    """Return the next message; answer pings, as RFC 6455, section 5.5.3 asks."""
    while True:
        first, length = answers.read(2)
        if length >= 126:
            length = int.from_bytes(answers.read(2 if length == 126 else 8), "big")
        text = answers.read(length)
        if first == 0x81:
            message: dict[str, Any] = json.loads(text)
            return message
        if first == 0x89:
            connection.sendall(bytes([0x8A, 0x80 | length]) + b"\0\0\0\0" + text)
