"""Large request bodies, received from the socket in a thread of their own.

The event loop copies each byte twice more and runs all uploads on one core. For a large body the loop therefore stops
reading the connection, and a thread receives, hashes and writes. The connection is closed after the answer, because
the HTTP parser has not seen the end of the body.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from contextlib import suppress

from aiohttp import web

from files_service.gateway.replies import CLOSE
from files_service.gateway.state import Gateway
from files_service.gateway.threads import Threads
from files_service.gateway.transfer.body import BODY_ERRORS
from files_service.gateway.transfer.min_rate import MinRate, body_rate
from files_service.gateway.transfer.receive import Sink, broke_off, receive


def can_take_over(request: web.Request) -> bool:
    """Return True when the connection is a plain socket."""
    transport = request.transport
    return (
        transport is not None
        and transport.get_extra_info("socket") is not None
        and transport.get_extra_info("sslcontext") is None
    )


def own_socket(transport: asyncio.Transport) -> socket.socket:
    """Return the connection by a descriptor of its own, which the loop does not close. It does not block."""
    return socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))


async def receive_from_socket(
    request: web.Request, sink: Sink, *, size: int, piece_bytes: int, pace: MinRate, threads: Threads
) -> None:
    """Receive the body into the sink. Raises as ``receive.receive``; no thread uses the sink afterwards."""
    transport = request.transport
    if transport is None:
        raise broke_off(0, size)
    request[CLOSE] = True
    try:
        first = _read_already(request)
    except BODY_ERRORS:
        raise broke_off(0, size) from None
    transport.pause_reading()
    body = _Body(own_socket(transport), size, piece_bytes, pace)
    receiving = threads.submit(body.receive, first, sink)
    try:
        await asyncio.shield(receiving)
    except asyncio.CancelledError:
        body.give_up()
        with suppress(Exception):
            await asyncio.shield(receiving)
        raise
    except BaseException:
        # The server discards what the client still sends for a while, so that the client can read the answer.
        if not transport.is_closing():
            transport.resume_reading()
        raise
    request.content.feed_eof()


def _read_already(request: web.Request) -> bytes:
    """Return the bytes that the loop has read of the body."""
    pieces = []
    while piece := request.content.read_nowait():
        pieces.append(piece)
    return b"".join(pieces)


class _Body:
    """A body that a thread reads."""

    def __init__(self, connection: socket.socket, size: int, piece_bytes: int, pace: MinRate) -> None:
        self._connection = connection
        self._size = size
        self._piece_bytes = piece_bytes
        self._pace = pace

    def give_up(self) -> None:
        """Make the thread see the end of the body."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RD)

    def receive(self, first: bytes, sink: Sink) -> None:
        """Read to the end. The connection does not block, because the loop uses it, too."""
        received, pace = len(first), self._pace
        with self._connection as connection:
            if first:
                sink.write(first)
            readable = select.poll()
            readable.register(connection, select.POLLIN)
            while received < self._size:
                room = sink.room(self._size - received)
                try:
                    if room is None:
                        piece = connection.recv(min(self._piece_bytes, self._size - received))
                        count = len(piece)
                    else:
                        count = connection.recv_into(room)
                except BlockingIOError:
                    since = time.monotonic()
                    if not readable.poll(pace.left * 1000):
                        raise pace.error from None
                    pace.came(0, time.monotonic() - since)
                    continue
                except ConnectionError:
                    raise broke_off(received, self._size) from None
                if not count:
                    raise broke_off(received, self._size)
                received += count
                pace.came(count, 0)
                if room is None:
                    sink.write(piece)
                else:
                    sink.advance(count)


async def receive_body(request: web.Request, gateway: Gateway, sink: Sink, size: int) -> None:
    """Receive a body of known size into the sink: a large one from the socket, others through the loop."""
    limits = gateway.limits
    if size >= limits.socket_thread_bytes and can_take_over(request):
        await receive_from_socket(
            request,
            sink,
            size=size,
            piece_bytes=limits.upload_buffer(gateway.uploads.taken),
            pace=body_rate(limits),
            threads=gateway.receivers,
        )
    else:
        await receive(
            request.content,
            sink,
            size=size,
            buffer_bytes=limits.upload_buffer(gateway.uploads.taken),
            pace=body_rate(limits),
            threads=gateway.transfers,
        )
