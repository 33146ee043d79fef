"""Whether a sender is fast enough: one that dribbles holds a place as long as one that sends nothing."""

from __future__ import annotations


class Pace:
    """Within each span of waiting at least so many bytes must come; time in which nobody waits does not count."""

    def __init__(self, seconds: float, least_bytes: int) -> None:
        self.seconds = seconds
        self._least = least_bytes
        self._left, self._missing = seconds, least_bytes

    @property
    def left(self) -> float:
        """How long to wait for the next bytes: more than nothing, because what has come is to be looked at."""
        return max(0.001, self._left)

    def came(self, count: int, waited: float) -> None:
        """Note bytes and how long they were waited for."""
        self._left -= waited
        self._missing -= count
        if self._missing <= 0:
            self._left, self._missing = self.seconds, self._least
