"""The right to do a job that only one worker may do at a time."""

from __future__ import annotations

from files_service.core import Core
from storage_adapters import SupportsLeases


class Right:
    """A named lease, renewed when half of it is over. A store without leases is used by one process, which has it."""

    def __init__(self, core: Core, name: str, *, holder: str, seconds: float) -> None:
        self._core, self._name, self._holder = core, name, holder
        self._length = int(seconds * 1000)
        self._until = 0

    def held(self) -> bool:
        """Whether this worker has the right, for half of its length at least; takes or renews it when it can."""
        store = self._core.metadata
        if not isinstance(store, SupportsLeases):
            return True
        now = self._core.clock()
        # A clock that was set back must not make the lease look longer than it ever was.
        if self._length / 2 <= self._until - now <= self._length:
            return True
        until = now + self._length
        self._until = until if store.acquire_lease(self._name, holder=self._holder, now=now, until=until) else 0
        return self._until > 0

    def give_up(self) -> None:
        """Let another worker have it at once."""
        store = self._core.metadata
        if self._until and isinstance(store, SupportsLeases):
            self._until = 0
            store.release_lease(self._name, holder=self._holder)
