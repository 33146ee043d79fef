"""Back-off: delays that grow with the number of failures, and their memory per file."""

from __future__ import annotations

import random
from dataclasses import dataclass
from threading import Lock

MAX_ENTRIES = 10_000
# Of a proxy: while a gateway starts again, it has another one or this one soon.
STATUSES_OF_PROXIES = frozenset({502, 503, 504})


def delay_after(failures: int, *, first: float, longest: float, factor: int = 2, spread: float = 0.5) -> float:
    """Return a random delay: of ``first * factor ** failures``, at most ``longest``, up to a share ``spread`` less."""
    length = min(longest, first * factor ** min(failures, 20))
    return random.uniform(length * (1 - spread), length)  # noqa: S311 - spreads load, hides nothing


@dataclass(frozen=True, slots=True)
class Delay:
    """Number of failed attempts, and the time of the next one."""

    tries: int
    until: float


class Backoff:
    """Back-off per file: ``first_ms``, multiplied by ``factor`` for each attempt up to ``longest_ms``, with jitter."""

    def __init__(self, *, first_ms: int, factor: int, longest_ms: int) -> None:
        self._first, self._factor, self._longest = first_ms, factor, longest_ms
        self._delays: dict[str, Delay] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of files that are delayed, or due again."""
        return len(self._delays)

    def tries(self, file_id: str) -> int:
        """Return the number of failed attempts of the file, as far as known."""
        delay = self._delays.get(file_id)
        return delay.tries if delay else 0

    def begin(self, file_id: str, tries: int, *, now: int) -> None:
        """Delay the file after this many attempts."""
        failures = max(0, tries - 1)
        until = now + delay_after(failures, first=self._first, longest=self._longest, factor=self._factor, spread=0.25)
        with self._lock:
            if file_id not in self._delays and len(self._delays) >= MAX_ENTRIES:
                # Drop the oldest entry; its file is retried a little early.
                del self._delays[next(iter(self._delays))]
            self._delays[file_id] = Delay(tries, until)

    def fail(self, file_id: str, *, now: int) -> None:
        """Delay the file after one failed attempt more than are known."""
        self.begin(file_id, self.tries(file_id) + 1, now=now)

    def forget(self, file_id: str) -> None:
        """Remove the file's entry."""
        with self._lock:
            self._delays.pop(file_id, None)

    def is_over(self, file_id: str, *, now: int) -> bool:
        """Return True when the file may be tried."""
        delay = self._delays.get(file_id)
        return delay is None or delay.until <= now

    def due(self, *, now: int) -> list[str]:
        """Return the files whose delay is over."""
        with self._lock:
            return [file_id for file_id, delay in self._delays.items() if delay.until <= now]
