"""Time that passes when a test says so."""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

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


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: what would be waited for has passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing will ever happen"
        self.passed += max(0.0, timeout)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is what its tasks wait."""

    def __init__(self) -> None:
        self._passing = _Selector()
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.passed


def run_in_no_time(scene: Coroutine[Any, Any, None]) -> None:
    """Play a scene that waits for time alone; none passes."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        runner.run(scene)
