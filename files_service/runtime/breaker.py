"""Keeps calls away from a part that fails, so that not every one of them pays for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 30.0


class Breaker:
    """Closed, calls go through. A failure opens it for a time, after which one call tries whether it can be closed.

    The time doubles with each try that fails, up to a limit. Failures of calls that began before it opened count once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rest_seconds = 0.0
        self._rests_until = 0.0
        self._is_tried = False

    @property
    def is_closed(self) -> bool:
        """Whether calls go through."""
        return not self._rest_seconds

    @property
    def is_being_tried(self) -> bool:
        """Whether a try is under way."""
        return self._is_tried

    def begin_try(self) -> bool:
        """Whether the caller is the one to try now; it must say how that ended."""
        with self._lock:
            if self.is_closed or self._is_tried or self._clock() < self._rests_until:
                return False
            self._is_tried = True
            return True

    def end_try(self, *, succeeded: bool) -> None:
        """Close after a success; else wait twice as long for the next try."""
        with self._lock:
            self._is_tried = False
            self._rest(0.0 if succeeded else min(2 * self._rest_seconds, LONGEST_REST_SECONDS))

    def fail(self) -> None:
        """Open, after a call that went through failed."""
        with self._lock:
            if self.is_closed:
                self._rest(FIRST_REST_SECONDS)

    def _rest(self, seconds: float) -> None:
        self._rest_seconds = seconds
        self._rests_until = self._clock() + seconds
