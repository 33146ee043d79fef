"""Check of a bucket that is asked over the network: it answers, and it takes a write."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

# Readiness is asked every second where there are many probes; each write costs money, or a version.
WRITE_SECONDS = 60.0


class BucketPinger(ABC):
    """Pings of one bucket: a server may answer lists to who has no right to write, or while it has no place."""

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._written_at: float | None = None

    def ping(self) -> None:
        """List, and write unless this process did within ``WRITE_SECONDS``.

        Raises StorageUnavailable, StorageDenied.
        """
        # First: a server may make the bucket that a write needs.
        self._list()
        now = self._timer()
        if self._written_at is None or now - self._written_at >= WRITE_SECONDS:
            self._write()
            self._written_at = now

    @abstractmethod
    def _list(self) -> None:
        """List one object."""

    @abstractmethod
    def _write(self) -> None:
        """Write something that stays nobody's."""
