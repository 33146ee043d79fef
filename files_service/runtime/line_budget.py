"""A bound on log lines that clients cause: an attack must not fill the disk."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

# Lines in a minute: of one kind, and of all kinds together; some 300 bytes each.
MOST_OF_KIND = 30
MOST = 1_000
WINDOW_SECONDS = 60.0
_SHOWN_KINDS = 5
# Further kinds are counted as one.
_KINDS = 4_096
_OTHERS = ("others",)

Kind = tuple[str, ...]


class LineBudget:
    """The lines about refusals that may be logged in a minute; those beyond it are counted, and reported in one line.

    ``count`` is called for each line that is left out. Thread-safe.
    """

    def __init__(
        self,
        logger: logging.Logger,
        event: str,
        count: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger, self._event, self._count, self._clock = logger, event, count, clock
        self._lock = threading.Lock()
        self._lines = 0
        self._logged: Counter[Kind] = Counter()
        self._left_out: Counter[Kind] = Counter()
        self._until = clock() + WINDOW_SECONDS

    def admits(self, *kind: str) -> bool:
        """Return True for a line that is to be logged; count one that is not."""
        self.report()
        with self._lock:
            if self._logged[kind] < MOST_OF_KIND and self._lines < MOST:
                self._logged[kind] += 1
                self._lines += 1
                return True
            self._left_out[kind if kind in self._left_out or len(self._left_out) < _KINDS else _OTHERS] += 1
        self._count()
        return False

    def report(self, *, now: bool = False) -> None:
        """Log at the end of a minute, or ``now``, how many lines were left out, and of which kinds most of them."""
        if not now and self._clock() < self._until:
            return
        with self._lock:
            left_out, self._left_out = self._left_out, Counter()
            self._logged.clear()
            self._lines = 0
            self._until = self._clock() + WINDOW_SECONDS
        if left_out:
            most = {" ".join(kind): lines for kind, lines in left_out.most_common(_SHOWN_KINDS)}
            self._logger.warning("lines left out", extra={"of": self._event, "lines": left_out.total(), "most": most})
