"""Answers that are reused for a short time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from files_service.runtime.clock import monotonic_ms

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A bounded cache across threads; an answer counts from the time at which it was asked for."""

    def __init__(self, lifetime_ms: int, *, most: int = 10_000, timer: Callable[[], int] = monotonic_ms) -> None:
        self._lifetime, self._most, self._timer = lifetime_ms, most, timer
        self._answers: dict[K, tuple[int, V]] = {}
        self._lock = threading.Lock()

    def get(self, key: K, ask: Callable[[], V]) -> V:
        """Return the recent answer, or ask for one. Errors are not kept."""
        held = self.recent(key)
        if held is not None:
            return held[0]
        now = self._timer()
        answer = ask()
        with self._lock:
            self._answers.pop(key, None)
            while len(self._answers) >= self._most:
                del self._answers[next(iter(self._answers))]
            self._answers[key] = now, answer
        return answer

    def recent(self, key: K) -> tuple[V] | None:
        """Return the recent answer alone in a tuple, None without one; never asks."""
        held = self._answers.get(key)
        return (held[1],) if held is not None and self._timer() - held[0] < self._lifetime else None

    def forget(self, key: K) -> None:
        """Ask anew at the next call."""
        with self._lock:
            self._answers.pop(key, None)

    def clear(self) -> None:
        """Ask anew for every key."""
        with self._lock:
            self._answers.clear()
