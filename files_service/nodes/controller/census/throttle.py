"""Throttle of replication: pulls of a node at the same time, and bytes of a node a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PULLS_OF_NODE = 4
BYTES_A_SECOND = 50 * 10**6


class Throttle:
    """Limits for each node that pulls. Threads share it; ``sleep`` and ``timer`` (seconds) are those of the process."""

    def __init__(
        self,
        *,
        bytes_a_second: float = BYTES_A_SECOND,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._rate, self._timer, self._sleep = bytes_a_second, timer, sleep
        self._lock = threading.Lock()
        self._places: dict[str, threading.BoundedSemaphore] = {}
        self._free_at: dict[str, float] = {}

    @contextmanager
    def pull(self, node_id: str) -> Iterator[Callable[[int], None]]:
        """Wait for a place of the node, and for the bytes before; give a function that takes the number of bytes."""
        with self._lock:
            place = self._places.setdefault(node_id, threading.BoundedSemaphore(PULLS_OF_NODE))
        with place:
            with self._lock:
                wait = self._free_at.get(node_id, 0.0) - self._timer()
            if wait > 0:
                self._sleep(wait)
            yield lambda size: self._count(node_id, size)

    def _count(self, node_id: str, size: int) -> None:
        with self._lock:
            self._free_at[node_id] = max(self._free_at.get(node_id, 0.0), self._timer()) + size / self._rate
