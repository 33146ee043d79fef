"""Names of chunks that were removed lately."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict


class RemovedNames:
    """Names that the service has removed lately. They are never used again: what still comes for them is late.

    No request lives as long as a name stays here, and none outlives this process.
    """

    def __init__(self, *, most: int = 100_000, seconds: float = 600.0) -> None:
        self._most, self._seconds = most, seconds
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        return self._until.get(name, 0.0) > time.monotonic()

    def add(self, name: str) -> None:
        """Note a name."""
        now = time.monotonic()
        with self._lock:
            self._until[name] = now + self._seconds
            while len(self._until) > self._most or next(iter(self._until.values())) < now:
                self._until.popitem(last=False)

    def discard(self, name: str) -> None:
        """Forget a name that is wanted again."""
        with self._lock:
            self._until.pop(name, None)
