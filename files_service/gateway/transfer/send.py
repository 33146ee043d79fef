"""File ranges, sent by the kernel: a large one in a thread of its own, so that the loop never waits for a disk."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from aiohttp import web

from files_service.gateway.state import Gateway
from files_service.gateway.transfer.socket_receive import can_take_over, own_socket
from storage_adapters import StorageError

# The most that the system sends in one call.
_MOST = 0x7FFF_F000


# An open file, and the start and length of the range to send. The sender closes it.
Slice = tuple[BinaryIO, int, int]


async def send_files(request: web.Request, gateway: Gateway, slices: Iterator[Slice], length: int) -> None:
    """Send ranges of files after the headers; ``length`` is the length of all ranges.

    The iterator may read the disk. Raises ConnectionError when the client went away.
    """
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client went away")
    senders, limits = gateway.senders, gateway.limits
    alone = length >= limits.socket_thread_bytes and can_take_over(request) and not transport.get_write_buffer_size()
    if not alone or senders.taken >= senders.limit:
        await _send_in_loop(transport, gateway, slices)
        return
    with senders.take(), own_socket(transport) as connection:
        sending = gateway.send_threads.submit(_send_all, connection, slices, limits.stalled_send_seconds)
        try:
            await asyncio.shield(sending)
        except asyncio.CancelledError:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            with suppress(OSError):
                await asyncio.shield(sending)
            raise


async def _send_in_loop(transport: asyncio.WriteTransport, gateway: Gateway, slices: Iterator[Slice]) -> None:
    try:
        while (piece := await gateway.calls.run(next, slices, None)) is not None:
            with piece[0]:
                sent = await asyncio.get_running_loop().sendfile(transport, *piece)
            if sent != piece[2]:
                raise ConnectionResetError("the file is shorter than it was")
    except StorageError as error:
        raise ConnectionResetError("bytes of the file are lost") from error


def _send_all(connection: socket.socket, slices: Iterator[Slice], stalled_seconds: float) -> None:
    try:
        for file, start, length in slices:
            with file:
                _send(connection, file, start, length, stalled_seconds)
    except StorageError as error:
        # The headers are out: only a broken connection tells the client that bytes are missing.
        raise ConnectionResetError("bytes of the file are lost") from error


def _send(connection: socket.socket, file: BinaryIO, start: int, length: int, stalled_seconds: float) -> None:
    """Send in the calling thread. The connection does not block, because the loop uses it, too."""
    writable = select.poll()
    writable.register(connection, select.POLLOUT)
    place, end = start, start + length
    while place < end:
        try:
            sent = os.sendfile(connection.fileno(), file.fileno(), place, min(end - place, _MOST))
        except BlockingIOError:
            if not writable.poll(stalled_seconds * 1000):
                raise ConnectionResetError("the client stopped reading") from None
            continue
        if not sent:
            raise ConnectionResetError("the file is shorter than it was")
        place += sent
