"""Limits on parallel work, shared by those who ask for it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from files_service.errors import ServiceUnavailable

# A holder may have so many places per place that stays free: alone three quarters of all, and never the last one.
_PER_FREE_PLACE = 3
# Whoever has no place gets one, whatever its file or owner has, until only one of so many is free.
_KEPT = 8


@dataclass(slots=True)
class Limiter:
    """A limit on parallel work of one kind, across threads, shared by its holders: owners, peers and files.

    The more places are taken, the fewer may one holder have: there is always one for a holder without any.
    """

    name: str
    limit: int
    taken: int = 0
    _of: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def take(self, *holders: str) -> Iterator[None]:
        """Count the block. Raises ServiceUnavailable at the limit, because waiting clients would fill the memory.

        The first holder is the one that asks. Without a holder all places may be taken.
        """
        with self._lock:
            has_share = all(map(self._has_share_for, holders)) or self._is_new(holders[0])
            if self.taken >= self.limit or not has_share:
                raise ServiceUnavailable(f"too many {self.name} at once", {"limit": self.limit})
            self.taken += 1
            self._of.update(holders)
        try:
            yield
        finally:
            with self._lock:
                self.taken -= 1
                self._of.subtract(holders)
                self._of += Counter()

    def _has_share_for(self, holder: str) -> bool:
        held, free = self._of[holder], self.limit - self.taken - 1
        return not held or held < _PER_FREE_PLACE * free

    def _is_new(self, holder: str) -> bool:
        return not self._of[holder] and (self.limit - self.taken) * _KEPT > self.limit
