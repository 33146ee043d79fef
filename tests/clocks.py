"""Time that passes when a test says so."""

from __future__ import annotations

import threading
from dataclasses import dataclass

START = 1_700_000_000_000


@dataclass
class Clock:
    """Stands still until it is told how many seconds pass."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += int(seconds * 1_000)


class Patience(threading.Event):
    """Waiting takes no time but the clock's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self._clock.pass_seconds(timeout)
        return self.is_set()
