"""A nameko caller on the level of AMQP frames, so that the server is measured and not the load generator.

py-amqp opens the connection and declares the reply queue; requests and replies are then handled as bytes (AMQP 0-9-1,
sections 2.3.5 and 4.2). Requests are persistent and carry what a nameko proxy sends.
"""

from __future__ import annotations

import json
import socket
import struct
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import amqp

EXCHANGE = "nameko-rpc"
_METHOD, _HEADER, _BODY = 1, 2, 3
_DELIVER = struct.pack(">HH", 60, 60)


@dataclass(frozen=True, slots=True)
class Result:
    """Calls per second and latencies in milliseconds of one run."""

    calls_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


class RpcLoad:
    """One connection that keeps a number of calls of one method in flight."""

    def __init__(self, amqp_uri: str) -> None:
        address = urlsplit(amqp_uri)
        self._connection = amqp.Connection(
            host=f"{address.hostname}:{address.port or 5672}",
            userid=address.username or "guest",
            password=address.password or "guest",
            virtual_host=address.path.lstrip("/") or "/",
            heartbeat=0,
        )
        self._connection.connect()
        channel = self._connection.channel()
        self._reply_to = str(uuid.uuid4())
        queue = f"rpc.reply-benchmark-{self._reply_to}"
        channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.queue_declare(queue, exclusive=True, auto_delete=True)
        channel.queue_bind(queue, EXCHANGE, self._reply_to)
        channel.basic_consume(queue, no_ack=True)
        self._channel_id: int = channel.channel_id
        self._socket: socket.socket = self._connection.transport.sock
        self._socket.setblocking(True)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def run(self, routing_key: str, kwargs: dict[str, Any], *, in_flight: int, seconds: float) -> Result:
        """Call for ``seconds`` with a number of calls in flight, then wait for those in flight."""
        body = json.dumps({"args": [], "kwargs": kwargs}).encode()
        sent: dict[bytes, float] = {}
        latencies: list[float] = []
        errors = number = 0
        start = time.perf_counter()
        end = start + seconds
        for _ in range(in_flight):
            number += 1
            self._call(routing_key, body, number, sent)
        while sent:
            for correlation_id, reply in self._replies():
                now = time.perf_counter()
                begun = sent.pop(correlation_id, None)
                if begun is None:
                    continue
                latencies.append(now - begun)
                errors += b'"error":null' not in reply and b'"error": null' not in reply
                if now < end:
                    number += 1
                    self._call(routing_key, body, number, sent)
        elapsed = time.perf_counter() - start
        latencies.sort()
        return Result(
            calls_per_second=len(latencies) / elapsed,
            p50_ms=latencies[len(latencies) // 2] * 1000,
            p99_ms=latencies[int(len(latencies) * 0.99)] * 1000,
            errors=errors,
        )

    def answers(self, routing_key: str, kwargs: dict[str, Any], *, seconds: float) -> bool:
        """Return True when one call is answered within the time. Later replies to it are ignored."""
        self._socket.settimeout(seconds)
        try:
            self.run(routing_key, kwargs, in_flight=1, seconds=0)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            self._socket.settimeout(None)

    def close(self) -> None:
        """Close the connection; the broker deletes the reply queue."""
        self._socket.close()

    def _call(self, routing_key: str, body: bytes, number: int, sent: dict[bytes, float]) -> None:
        correlation_id = b"%036d" % number
        publish = struct.pack(">HHH", 60, 40, 0) + _short(EXCHANGE) + _short(routing_key) + b"\0"
        # Property flags: content type, content encoding, headers, delivery mode, priority, correlation id, reply to.
        flags = 1 << 15 | 1 << 14 | 1 << 13 | 1 << 12 | 1 << 11 | 1 << 10 | 1 << 9
        header = struct.pack(">HHQH", 60, 0, len(body), flags) + _short("application/json") + _short("utf-8")
        header += struct.pack(">I", 0) + b"\x02\x00" + b"\x24" + correlation_id + _short(self._reply_to)
        sent[correlation_id] = time.perf_counter()
        self._socket.sendall(self._frame(_METHOD, publish) + self._frame(_HEADER, header) + self._frame(_BODY, body))

    def _frame(self, kind: int, payload: bytes) -> bytes:
        return struct.pack(">BHI", kind, self._channel_id, len(payload)) + payload + b"\xce"

    def _replies(self) -> list[tuple[bytes, bytes]]:
        """Read once from the socket and return the complete replies received so far."""
        data = self._socket.recv(1 << 18)
        if not data:
            raise ConnectionError("the broker closed the connection")
        self._buffer += data
        replies, start, done = [], 0, 0
        correlation_id, content, expected = b"", b"", -1
        while len(self._buffer) - start >= 7:
            kind, _, size = struct.unpack_from(">BHI", self._buffer, start)
            if len(self._buffer) - start < size + 8:
                break
            payload = bytes(self._buffer[start + 7 : start + 7 + size])
            start += size + 8
            if kind == _METHOD and payload[:4] == _DELIVER:
                content, expected = b"", -1
            elif kind == _HEADER:
                expected = struct.unpack_from(">Q", payload, 4)[0]
                correlation_id = _correlation_id(payload)
            elif kind == _BODY:
                content += payload
                if len(content) == expected:
                    replies.append((correlation_id, content))
                    done = start
            else:
                done = start
        del self._buffer[:done]
        return replies


def _short(text: str) -> bytes:
    data = text.encode()
    return bytes([len(data)]) + data


def _correlation_id(header: bytes) -> bytes:
    """Find the 36 characters of our correlation id among the properties; no other header value looks like one."""
    place = header.find(b"\x24" + b"0" * 20)
    return header[place + 1 : place + 37]
