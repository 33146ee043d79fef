"""Circuit breaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_OPEN_SECONDS = 1.0
LONGEST_OPEN_SECONDS = 30.0


class Breaker:
    """A circuit that opens on a failure; after a delay, one probe call decides whether it closes.

    The delay doubles with each failed probe, up to a limit. Failures of calls that began before it opened count once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open_seconds = 0.0
        self._open_until = 0.0
        self._is_tried = False

    @property
    def is_closed(self) -> bool:
        """True when calls may go through."""
        return not self._open_seconds

    @property
    def is_being_tried(self) -> bool:
        """True while a probe is running."""
        return self._is_tried

    def begin_try(self) -> bool:
        """Return True when the caller is to make the probe call; it must report the result by ``end_try``."""
        with self._lock:
            if self.is_closed or self._is_tried or self._clock() < self._open_until:
                return False
            self._is_tried = True
            return True

    def end_try(self, *, succeeded: bool) -> None:
        """Close after a successful probe; otherwise double the delay."""
        with self._lock:
            self._is_tried = False
            self._open(0.0 if succeeded else min(2 * self._open_seconds, LONGEST_OPEN_SECONDS))

    def fail(self) -> bool:
        """Open after a failed call; return True when this call opened it."""
        with self._lock:
            was_closed = self.is_closed
            if was_closed:
                self._open(FIRST_OPEN_SECONDS)
            return was_closed

    def _open(self, seconds: float) -> None:
        self._open_seconds = seconds
        self._open_until = self._clock() + seconds
