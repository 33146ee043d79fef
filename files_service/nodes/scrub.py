"""Scrub of a node: each copy is read and compared with its hash within fourteen days.

The copy that was not read for longest comes first.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import threading
from collections.abc import Callable

from files_service.nodes.inventory import Entry, Inventory
from files_service.runtime.clock import monotonic_ms, now_ms
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import PARTITIONS, partition_of

logger = logging.getLogger(__name__)

DAYS = 14
SLOWEST, FASTEST = 1_000_000, 20_000_000
BATCH = 16
IDLE_SECONDS = 60.0
_DAY_MS = 86_400_000
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13


class Scrub:
    """The thread that reads the copies of a node. ``verify`` reads some and puts damaged ones into quarantine.

    It pauses while ``is_failing``: a disk that fails is not read without need.
    """

    def __init__(
        self,
        inventory: Inventory,
        verify: Callable[[tuple[str, ...]], m.Receipts],
        *,
        is_failing: Callable[[], bool],
        stopping: threading.Event,
    ) -> None:
        self._inventory, self._verify = inventory, verify
        self._is_failing, self._stopping = is_failing, stopping
        self.read_bytes = 0
        self.damaged = 0

    def run(self) -> None:
        """Read copies until the node stops."""
        _lower_priority()
        while not self._stopping.is_set():
            try:
                pause = self._read_due()
            except Exception:
                logger.exception("the scrub failed")
                pause = IDLE_SECONDS
            self._stopping.wait(pause)

    def _read_due(self) -> float:
        """Read the copies that come next; return the seconds of the pause behind them."""
        due = self._due()
        if not due or self._is_failing():
            return IDLE_SECONDS
        started = monotonic_ms()
        size = self.read(due)
        return max(0.0, size / self._rate() - (monotonic_ms() - started) / 1000)

    def read(self, entries: list[Entry]) -> int:
        """Read copies and compare them with their hashes; return the bytes."""
        try:
            receipts = self._verify(tuple(entry.name for entry in entries))
        except ProtocolError as error:
            logger.warning("copies cannot be read", extra={"error": str(error)})
            self._stopping.wait(IDLE_SECONDS)
            return 0
        for name in receipts.unread:
            # Tried again when the others have had their turn.
            self._inventory.verified(partition_of(name), name, now_ms() - DAYS * _DAY_MS // 2 + _DAY_MS)
        for name in receipts.damaged:
            logger.error("a copy is damaged", extra={"chunk": name})
        self.damaged += len(receipts.damaged)
        size = sum(entry.size for entry in entries)
        self.read_bytes += size
        return size

    def read_all(self) -> int:
        """Read each copy that is there now once, at full speed; return the number of damaged ones."""
        before = self.damaged
        for partition in range(PARTITIONS):
            names = self._inventory.of_partition(partition)
            for start in range(0, len(names), BATCH):
                self.read(names[start : start + BATCH])
        return self.damaged - before

    def oldest_unverified_seconds(self) -> float:
        """Return the age of the copy that was not read for longest, 0 when there is none."""
        oldest = self._inventory.oldest(1)
        return max(0, now_ms() - max(oldest[0][1].verified_at, oldest[0][1].stored_at)) / 1000 if oldest else 0.0

    def _due(self) -> list[Entry]:
        """Return the copies that come next; a copy is left alone for half the time in which all are read."""
        before = now_ms() - DAYS * _DAY_MS // 2
        return [entry for _, entry in self._inventory.oldest(BATCH) if entry.verified_at < before]

    def _rate(self) -> float:
        _, size = self._inventory.total()
        return min(FASTEST, max(SLOWEST, size / (DAYS * 86_400 / 2)))


def _lower_priority() -> None:
    """Give this thread the idle class of the disk's scheduler, where the system has one."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None and os.name == "posix":
        ctypes.CDLL(None, use_errno=True).syscall(number, 1, 0, _IDLE_CLASS)
