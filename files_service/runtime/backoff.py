"""Which files are left alone for a while, after tries that came to nothing. Known to this process alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from threading import Lock

MAX_RESTING = 10_000


@dataclass(frozen=True, slots=True)
class Rest:
    """How many tries came to nothing, and when the next one may be made."""

    tries: int
    until: float


class Rests:
    """Back-off per file: ``first_ms``, growing by ``factor`` from try to try up to ``longest_ms``, with jitter."""

    def __init__(self, *, first_ms: int, factor: int, longest_ms: int) -> None:
        self._first, self._factor, self._longest = first_ms, factor, longest_ms
        self._rests: dict[str, Rest] = {}
        self._lock = Lock()

    def tries(self, file_id: str) -> int:
        """How many tries of the file came to nothing, as far as is remembered."""
        rest = self._rests.get(file_id)
        return rest.tries if rest else 0

    def begin(self, file_id: str, tries: int, *, now: int) -> None:
        """Leave the file alone after this many tries."""
        length = min(self._longest, self._first * self._factor ** min(tries - 1, 20)) if tries else self._first
        until = now + length * random.uniform(0.75, 1)  # noqa: S311 - spreads load, hides nothing
        with self._lock:
            if len(self._rests) >= MAX_RESTING:
                # The oldest entry goes; its file is tried a little early.
                del self._rests[next(iter(self._rests))]
            self._rests[file_id] = Rest(tries, until)

    def forget(self, file_id: str) -> None:
        """Remember nothing of the file."""
        with self._lock:
            self._rests.pop(file_id, None)

    def is_over(self, file_id: str, *, now: int) -> bool:
        """Whether the file may be tried."""
        rest = self._rests.get(file_id)
        return rest is None or rest.until <= now

    def due(self, *, now: int) -> list[str]:
        """The files whose rest is over."""
        with self._lock:
            return [file_id for file_id, rest in self._rests.items() if rest.until <= now]
