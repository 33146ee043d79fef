"""A thread that repeats one step and survives its errors."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from files_service.runtime.backoff import delay_after

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0


class Loop:
    """Repeated call of ``step``, which returns the seconds to wait until the next call.

    After an error the wait doubles with each failure in a row, with jitter; the first failure of a series and its end
    are logged. ``failures`` is the number of failures in a row.
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
        """True while the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Run the next step now, or once more after the current one."""
        self._woken.set()

    def join(self, timeout_seconds: float) -> bool:
        """Wait for the thread to end after ``stopping`` was set; return True when it ended."""
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(max(0.0, timeout_seconds))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            delay = self._run_step()
            # A wake-up does not shorten the wait after a failure.
            (self._stopping if self.failures else self._woken).wait(delay)
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
            return delay_after(self.failures, first=FIRST_DELAY_SECONDS, longest=LONGEST_DELAY_SECONDS)
        if self.failures:
            logger.info("loop works again", extra={"loop": self.name, "failures": self.failures})
            self.failures = 0
        return delay
