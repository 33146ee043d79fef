"""Bytes of files and of blob stores: many of them are sent by a thread of its own, files always by the kernel."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from aiohttp import web

from files_service.gateway.state import Gateway
from files_service.gateway.transfer.socket_receive import can_take_over, own_socket
from storage_adapters import StorageError

# The most that the system sends in one call.
_MOST = 0x7FFF_F000


# An open file, and the start and length of the range to send. The sender closes it.
Slice = tuple[BinaryIO, int, int]
Piece = Slice | bytes


async def send_files(
    request: web.Request, response: web.StreamResponse, gateway: Gateway, slices: Iterator[Piece], length: int
) -> None:
    """Send ranges of files, and bytes between them, after the headers; ``length`` is the length of all.

    The iterator may read the disk. Raises ConnectionError when the client went away.
    """
    transport = _transport(request)
    if _may_use_thread(request, transport, gateway, length):
        await _send_in_thread(transport, gateway, partial(_send_slices, slices))
    else:
        await _send_in_loop(response, transport, gateway, slices)


async def send_pieces(
    request: web.Request, response: web.StreamResponse, gateway: Gateway, pieces: Iterator[bytes], length: int
) -> None:
    """Send pieces of a blob store after the headers; ``length`` is the length of all of them.

    The iterator may wait for the store. Raises ConnectionError when the client went away, or bytes are missing.
    """
    transport = _transport(request)
    if _may_use_thread(request, transport, gateway, length):
        await _send_in_thread(transport, gateway, partial(_send_pieces, pieces, length))
        return
    rest = length
    while piece := await gateway.transfers.run(next, pieces, b""):
        await response.write(piece)
        rest -= len(piece)
    if rest:
        raise ConnectionResetError("the bytes were cut")


def _transport(request: web.Request) -> asyncio.Transport:
    if request.transport is None:
        raise ConnectionResetError("the client went away")
    return request.transport


def _may_use_thread(request: web.Request, transport: asyncio.Transport, gateway: Gateway, length: int) -> bool:
    large = length >= gateway.limits.socket_thread_bytes and can_take_over(request)
    return large and not transport.get_write_buffer_size() and gateway.senders.taken < gateway.senders.limit


async def _send_in_thread(
    transport: asyncio.Transport, gateway: Gateway, send: Callable[[socket.socket, float], None]
) -> None:
    with gateway.senders.take(), own_socket(transport) as connection:
        sending = gateway.send_threads.submit(send, connection, gateway.limits.stalled_send_seconds)
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                await asyncio.shield(sending)
            raise


async def _send_in_loop(
    response: web.StreamResponse, transport: asyncio.Transport, gateway: Gateway, slices: Iterator[Piece]
) -> None:
    try:
        while (piece := await gateway.calls.run(next, slices, None)) is not None:
            if isinstance(piece, bytes):
                await response.write(piece)
                continue
            with piece[0]:
                sent = await asyncio.get_running_loop().sendfile(transport, *piece)
            if sent != piece[2]:
                raise ConnectionResetError("the file is shorter than it was")
    except StorageError as error:
        raise ConnectionResetError("bytes of the file are lost") from error


def _send_pieces(pieces: Iterator[bytes], length: int, connection: socket.socket, stalled_seconds: float) -> None:
    writable = select.poll()
    writable.register(connection, select.POLLOUT)
    try:
        for piece in pieces:
            length -= len(piece)
            _send_bytes(connection, writable, piece, stalled_seconds)
    except StorageError as error:
        raise ConnectionResetError("bytes of the file are lost") from error
    if length:
        raise ConnectionResetError("the bytes were cut")


def _send_slices(slices: Iterator[Piece], connection: socket.socket, stalled_seconds: float) -> None:
    writable = select.poll()
    writable.register(connection, select.POLLOUT)
    try:
        for piece in slices:
            if isinstance(piece, bytes):
                _send_bytes(connection, writable, piece, stalled_seconds)
                continue
            file, start, length = piece
            with file:
                _send(connection, writable, file, start, length, stalled_seconds)
    except StorageError as error:
        # The headers are out: only a broken connection tells the client that bytes are missing.
        raise ConnectionResetError("bytes of the file are lost") from error


def _send_bytes(connection: socket.socket, writable: select.poll, data: bytes, stalled_seconds: float) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[connection.send(rest) :]
        except BlockingIOError:
            _wait(writable, stalled_seconds)


def _send(
    connection: socket.socket,
    writable: select.poll,
    file: BinaryIO,
    start: int,
    length: int,
    stalled_seconds: float,
) -> None:
    """Send in the calling thread. The connection does not block, because the loop uses it, too."""
    place, end = start, start + length
    while place < end:
        try:
            sent = os.sendfile(connection.fileno(), file.fileno(), place, min(end - place, _MOST))
        except BlockingIOError:
            _wait(writable, stalled_seconds)
            continue
        if not sent:
            raise ConnectionResetError("the file is shorter than it was")
        place += sent


def _wait(writable: select.poll, stalled_seconds: float) -> None:
    if not writable.poll(stalled_seconds * 1000):
        raise ConnectionResetError("the client stopped reading")
