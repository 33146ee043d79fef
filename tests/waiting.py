"""How tests wait for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

# Of a machine that does much else; nothing waits for longer than it must.
PATIENCE_SECONDS = 120


def wait_until(condition: Callable[[], bool], *, seconds: float, otherwise: str = "waited in vain") -> None:
    """Return once the condition holds; fail with these words when it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.01)
