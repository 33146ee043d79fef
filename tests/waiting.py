"""How tests wait for what other threads and processes do."""

from __future__ import annotations

import time
from collections.abc import Callable

# Of a machine that does much else; nothing waits for longer than it must.
PATIENCE_SECONDS = 120


def wait_until(condition: Callable[[], bool], *, seconds: float, otherwise: str = "waited in vain") -> None:
    """Return once the condition holds; fail with these words when it does not in time.

    It is looked at less and less often: to ask a service takes time from what is waited for.
    """
    end, pause = time.monotonic() + seconds, 0.01
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(pause)
        pause = min(1.2 * pause, 0.2)
