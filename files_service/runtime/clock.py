"""The clocks: the wall clock for what others read, the monotonic clock for lengths of time and schedules."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def monotonic_ms() -> int:
    """Return the milliseconds of a clock that nobody sets; its zero means nothing."""
    return time.monotonic_ns() // 1_000_000
