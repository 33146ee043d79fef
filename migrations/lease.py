"""The lease to change a store, kept alive by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from migrations.errors import Locked, Stopped
from storage_adapters import StorageError, SupportsLeases

NAME = "migrations"
LEASE_MS = 30_000
BEATS = 4


def now_ms() -> int:
    """Return the milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Lease:
    """Lease for the duration of the block. ``check`` raises as soon as it may have been lost."""

    def __init__(
        self,
        store: SupportsLeases,
        holder: str,
        *,
        name: str = NAME,
        lease_ms: int = LEASE_MS,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self._store, self._holder, self._name = store, holder, name
        self._lease_ms, self._clock = lease_ms, clock
        self._held_until = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="migration-lease", daemon=True)

    def __enter__(self) -> Self:
        if not self._renew():
            raise Locked("another runner works on this store: wait for it; if it was killed, its lease expires in 30 s")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._held_until:
            try:
                self._store.release_lease(self._name, holder=self._holder)
            except StorageError:
                return  # it expires by itself

    def check(self) -> None:
        """Raise Stopped unless the lease is certainly held."""
        if self._clock() >= self._held_until:
            raise Stopped("the lease was lost: the store did not respond for too long; run again to continue")

    def _renew(self) -> bool:
        # Measured from before the call, so that our expiry is never later than the store's.
        until = self._clock() + self._lease_ms
        if not self._store.acquire_lease(self._name, holder=self._holder, now=self._clock(), until=until):
            self._held_until = 0
            return False
        self._held_until = until
        return True

    def _beat(self) -> None:
        while not self._ended.wait(self._lease_ms / BEATS / 1000):
            try:
                if not self._renew():
                    return
            except StorageError:
                continue  # until the lease expires, the next renewal may succeed
