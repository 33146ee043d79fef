"""A named lease: one process of several does the job at a time."""

from __future__ import annotations

from collections.abc import Callable

from files_service.runtime.clock import now_ms
from storage_adapters import MetadataStore, SupportsLeases


class Lease:
    """A lease, renewed by its holder after half of its length. A store without leases has a single user, its holder."""

    def __init__(
        self, store: MetadataStore, name: str, *, holder: str, seconds: float, clock: Callable[[], int] = now_ms
    ) -> None:
        self._store, self._name, self._holder, self._clock = store, name, holder, clock
        self._length = int(seconds * 1000)
        self._until = 0

    def held(self) -> bool:
        """Return True when the lease is held for at least half of its length; take or renew it if possible.

        Raises StorageUnavailable.
        """
        if not isinstance(self._store, SupportsLeases):
            return True
        now = self._clock()
        # A clock that was set back must not make the lease longer than its length.
        if self._length / 2 <= self._until - now <= self._length:
            return True
        until = now + self._length
        self._until = 0
        if self._store.acquire_lease(self._name, holder=self._holder, now=now, until=until):
            self._until = until
        return self._until > 0

    def release(self) -> None:
        """Release the lease, so that another holder can take it at once. Safe to call when it is not held."""
        if self._until and isinstance(self._store, SupportsLeases):
            self._until = 0
            self._store.release_lease(self._name, holder=self._holder)
