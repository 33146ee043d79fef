"""A thread that runs one step again and again, and outlives whatever the step raises."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0


class Loop:
    """Calls ``step``, which returns how many seconds to wait until the next call.

    A step that raises is called again after a time that doubles from failure to failure, with jitter; the first
    failure of a series is logged, and its end. ``failures`` is how many there were in a row.
    """

    def __init__(self, name: str, step: Callable[[], float], stopping: threading.Event) -> None:
        self.name = name
        self.failures = 0
        self._step = step
        self._stopping = stopping
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the next step now, or one more if one is running."""
        self._woken.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end after ``stopping`` was set; whether it did."""
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._woken.wait(self._run_step()) and self.failures and not self._stopping.is_set():
                # Being woken is no reason to hammer at what is broken.
                self._stopping.wait(FIRST_DELAY_SECONDS)
            self._woken.clear()

    def _run_step(self) -> float:
        try:
            delay = self._step()
        except Exception as error:
            self.failures += 1
            if self.failures == 1:
                logger.warning("loop fails", exc_info=True, extra={"loop": self.name})
            else:
                logger.debug("loop fails again", extra={"loop": self.name, "error": str(error)})
            return _delay(self.failures)
        if self.failures:
            logger.info("loop works again", extra={"loop": self.name, "failures": self.failures})
            self.failures = 0
        return delay


def _delay(failures: int) -> float:
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** min(failures, 20))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, hides nothing
