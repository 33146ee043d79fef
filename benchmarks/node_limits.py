"""Processor time that file nodes cannot do without: to hash, to send, to receive and to write each copy."""

from __future__ import annotations

import hashlib
import os
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import Table

_CHUNK = 4 << 20
_PIECE = 256 << 10
_CHUNKS = 16
_ROUNDS = 5
_COPIES = 2


@dataclass(frozen=True, slots=True)
class _Work:
    """A piece of work on each byte: how often a write and a read do it, and the milliseconds per megabyte of a turn."""

    name: str
    of_write: int
    of_read: int
    measure: Callable[[], float]


def limits(folder: Path) -> Table:
    """Measure each piece of work alone, by the processor time of its thread."""
    chunk, path = os.urandom(_CHUNK), folder / "limits"
    path.write_bytes(chunk)
    works = [
        _Work("hash", _COPIES, 1, lambda: _cost(lambda: _hash(chunk))),
        _Work("write to a new file and sync it", _COPIES, 0, lambda: _cost(lambda: _write(folder / "new", chunk))),
        _Work("send from memory", _COPIES, 0, lambda: _sent_and_received(chunk, path)[0]),
        _Work("send from a file", 0, 1, lambda: _sent_and_received(b"", path)[0]),
        _Work("receive", _COPIES, 1, lambda: _sent_and_received(chunk, path)[1]),
    ]
    table = Table(
        "The least processor time",
        ["piece of work", "ms/MB", "in a write of two copies", "in a read"],
        note=(
            "Each piece of work alone, the median of turns: what is left when requests, threads and Python cost "
            "nothing. The sum is the least for nodes:// on one machine, adapter and nodes together; so many "
            "milliseconds of each processor per megabyte are the limit of its rate, whatever the disk."
        ),
    )
    writes = reads = 0.0
    for work in works:
        cost = statistics.median(work.measure() for _ in range(_ROUNDS))
        writes, reads = writes + work.of_write * cost, reads + work.of_read * cost
        table.rows.append([work.name, f"{cost:.2f}", *(f"{n * cost:.2f}" for n in (work.of_write, work.of_read))])
    table.rows.append(["sum", "", f"{writes:.2f}", f"{reads:.2f}"])
    path.unlink()
    return table


def _cost(work: Callable[[], None]) -> float:
    started = time.thread_time()
    for _ in range(_CHUNKS):
        work()
    return (time.thread_time() - started) * 1e9 / (_CHUNKS * _CHUNK)


def _hash(chunk: bytes) -> None:
    digest = hashlib.sha256()
    for start in range(0, _CHUNK, _PIECE):
        digest.update(memoryview(chunk)[start : start + _PIECE])


def _write(path: Path, chunk: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        for start in range(0, _CHUNK, _PIECE):
            file.write(memoryview(chunk)[start : start + _PIECE])
        os.fsync(file.fileno())
    path.unlink()


def _sent_and_received(chunk: bytes, path: Path) -> tuple[float, float]:
    """Return the cost of each side of a connection that sends bytes, or a file when there are none."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as sender,
        ThreadPoolExecutor(1) as pool,
        path.open("rb") as file,
    ):
        receiver, _ = listening.accept()
        with receiver:
            received = pool.submit(_cost, lambda: _receive(receiver))
            sent = _cost((lambda: sender.sendall(chunk)) if chunk else (lambda: _send_file(sender, file.fileno())))
            return sent, received.result()


def _send_file(sender: socket.socket, descriptor: int) -> None:
    sent = 0
    while sent < _CHUNK:
        sent += os.sendfile(sender.fileno(), descriptor, sent, _CHUNK - sent)


def _receive(receiver: socket.socket) -> None:
    buffer = memoryview(bytearray(_PIECE))
    left = _CHUNK
    while left:
        left -= receiver.recv_into(buffer[:left])
