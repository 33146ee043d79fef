"""A WebSocket over a plain socket: frames as one likes, also halves of them, and not a byte of memory for each."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from tests.gateway.owners import bearer
from tests.gateway.serving import head_of
from tests.gateway.slices import PROTOCOL

TEXT, BINARY = 0x81, 0x82
_PING, _PONG = 0x89, 0x8A
# Masked with zeros: the bytes stay as they are.
_MASK = b"\0\0\0\0"
_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": PROTOCOL,
}


def frame_head(kind: int, size: int) -> bytes:
    """What stands before the payload of a frame from a client."""
    if size < 126:
        return bytes((kind, 0x80 | size)) + _MASK
    if size < 2**16:
        return bytes((kind, 0x80 | 126)) + size.to_bytes(2, "big") + _MASK
    return bytes((kind, 0x80 | 127)) + size.to_bytes(8, "big") + _MASK


class RawSocket:
    """One connection to ``/ws/upload``."""

    def __init__(
        self,
        port: int,
        owner: str | None = "ann",
        timeout: float = 120,
        address: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        headers = {**_HANDSHAKE, **(bearer(owner) if owner is not None else {}), **headers}
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(address, 0))
        self._socket.sendall(head_of("GET", "/ws/upload", headers))
        self._read = self._socket.makefile("rb")
        self.status = int(self._read.readline().split()[1])
        while self._read.readline() != b"\r\n":
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._read.close()
        self._socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send bytes as they are."""
        for piece in pieces:
            self._socket.sendall(piece)

    def say(self, **message: Any) -> None:
        text = json.dumps(message).encode()
        self.send(frame_head(TEXT, len(text)), text)

    def put(self, offset: int, data: bytes) -> None:
        self.send(frame_head(BINARY, 8 + len(data)), offset.to_bytes(8, "big"), data)

    def begin_to_put(self, offset: int, size: int, data: bytes) -> None:
        """Send the beginning of a slice."""
        self.send(frame_head(BINARY, 8 + size), offset.to_bytes(8, "big"), data)

    def hear(self) -> Any:
        """The next message of the server, None when there is none any more."""
        while True:
            head = self._read.read(2)
            if len(head) < 2 or head[0] & 0x0F == 0x08:
                return None
            size = head[1]
            if size == 126:
                size = int.from_bytes(self._read.read(2), "big")
            payload = self._read.read(size)
            if head[0] == TEXT:
                return json.loads(payload)
            if head[0] == _PING:
                self.send(frame_head(_PONG, size), payload)

    def ask(self, **message: Any) -> Any:
        self.say(**message)
        return self.hear()
