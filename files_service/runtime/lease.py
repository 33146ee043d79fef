"""Named leases: the right to a job that one process of several does at a time."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from files_service.runtime.clock import monotonic_ms, now_ms
from storage_adapters import StorageError, SupportsLeases

BEATS = 4


def make_holder() -> str:
    """Return a name for this process as the holder of leases, which no other process uses."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"


class Lease:
    """A lease that its holder renews once half of it is over. A store without leases has one user, who holds it.

    The holder measures the rest by both clocks, so that a wall clock that was set never makes the lease look longer.
    """

    def __init__(
        self,
        store: object,
        name: str,
        *,
        holder: str,
        seconds: float,
        clock: Callable[[], int] = now_ms,
        timer: Callable[[], int] = monotonic_ms,
    ) -> None:
        self.name = name
        self._store, self._holder, self._clock, self._timer = store, holder, clock, timer
        self._length = int(seconds * 1000)
        self._until = self._ends_at = 0

    def held(self) -> bool:
        """Return True when the lease is held for at least half of its length; take or renew it where needed.

        Raises StorageUnavailable.
        """
        return self.is_fresh() or self.renew()

    def is_fresh(self) -> bool:
        """Return True when the lease is held for at least half of its length."""
        return not isinstance(self._store, SupportsLeases) or self._length / 2 <= self._rest()

    def renew(self) -> bool:
        """Take or renew the lease; return False when another holder has it. Raises StorageUnavailable."""
        return self.renew_all([self])[0]

    def renew_all(self, leases: Sequence[Lease]) -> list[bool]:
        """Take or renew leases that differ from this one in their name alone, in one call of the store."""
        if not isinstance(self._store, SupportsLeases):
            return [True for _ in leases]
        # Measured from before the call, so that our expiry is never later than the store's.
        now, began = self._clock(), self._timer()
        until = now + self._length
        names = [each.name for each in leases]
        taken = self._store.acquire_leases(names, holder=self._holder, now=now, until=until)
        for each, is_taken in zip(leases, taken, strict=True):
            each._until, each._ends_at = (until, began + self._length) if is_taken else (0, 0)  # noqa: SLF001
        return taken

    def is_certain(self) -> bool:
        """Return True when no other holder can have the lease now."""
        return not isinstance(self._store, SupportsLeases) or self._rest() > 0

    def _rest(self) -> int:
        """Return the milliseconds left, 0 when the wall clock was set back since the last renewal."""
        left = self._until - self._clock()
        return min(left, self._ends_at - self._timer()) if self._until and left <= self._length else 0

    def release(self) -> None:
        """Release the lease, so that another holder can take it at once. Harmless when it is not held."""
        if self._until and isinstance(self._store, SupportsLeases):
            self._until = 0
            self._store.release_lease(self.name, holder=self._holder)


class LeaseTaken(Exception):
    """Another holder has the lease."""


class KeptLease:
    """A lease for the duration of the block, renewed by a thread. Raises LeaseTaken on entering."""

    def __init__(self, lease: Lease, *, seconds: float) -> None:
        self._lease, self._seconds = lease, seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        if not self._lease.renew():
            raise LeaseTaken
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        try:
            self._lease.release()
        except StorageError:
            return  # it expires by itself

    def is_certain(self) -> bool:
        """Return True when no other holder can have the lease now."""
        return self._lease.is_certain()

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds / BEATS):
            try:
                if not self._lease.renew():
                    return
            except StorageError:
                continue  # until the lease expires, the next renewal may succeed
