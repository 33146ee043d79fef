"""Index builds for a database that updates indexes when they are read: one after the other, with pauses."""

from __future__ import annotations

import time

from storage_adapters.ports.schemas import SupportsDesigns

SHORTEST_PAUSE_SECONDS = 6.0
LONGEST_PAUSE_SECONDS = 60.0
STILL_BUILDING_SECONDS = 1.0
# Building takes at most one part in this many of the time; the rest is for writes and lists.
SHARE = 6


class IndexBuilder:
    """Builder of one index after the other, so that no list waits for more than about a minute of changes.

    A database that builds all of them at once on its own schedule slows down writers.
    """

    def __init__(self, store: SupportsDesigns) -> None:
        self._store = store
        self._waiting: list[str] = []
        self._taken = 0.0

    def step(self) -> float:
        """Build the next index; return the seconds to pause.

        Takes at most one request timeout. A longer build is awaited in the next steps while the database goes on
        building. Raises StorageUnavailable.
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
