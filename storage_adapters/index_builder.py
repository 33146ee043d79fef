"""Brings indexes up to date that a database derives when they are read, one after the other, with pauses between."""

from __future__ import annotations

import time

from storage_adapters.ports.schemas import SupportsDesigns

SHORTEST_PAUSE_SECONDS = 6.0
LONGEST_PAUSE_SECONDS = 60.0
STILL_BUILDING_SECONDS = 1.0
# Of the time, at most one part in so many goes into building: the rest is for writes and for lists.
SHARE = 6


class Warmer:
    """Has one index after the other built, so that no list waits for more than about a minute of changes.

    A database that builds all of them at once, when it thinks fit, takes the machine from those who write.
    """

    def __init__(self, store: SupportsDesigns) -> None:
        self._store = store
        self._waiting: list[str] = []
        self._taken = 0.0

    def step(self) -> float:
        """Bring the next index up to date; returns how many seconds to leave the database alone.

        Takes as long as one request may. An index that takes longer is waited for in the next steps: the database
        goes on building it. Raises StorageUnavailable.
        """
        if not self._waiting:
            self._waiting = self._store.designs()[1]
        if not self._waiting:
            return LONGEST_PAUSE_SECONDS
        started = time.monotonic()
        built = self._store.build_design(self._waiting[0])
        self._taken += time.monotonic() - started
        if not built:
            return STILL_BUILDING_SECONDS
        del self._waiting[0]
        pause, self._taken = (SHARE - 1) * self._taken, 0.0
        return min(LONGEST_PAUSE_SECONDS, max(SHORTEST_PAUSE_SECONDS, pause))
