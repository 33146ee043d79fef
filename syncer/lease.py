"""The lease to copy to one target, which only one syncer of several has at a time."""

from __future__ import annotations

import os
import secrets
import socket
import time

from storage_adapters import MetadataStore, SupportsLeases

LEASE_SECONDS = 10


def now_ms() -> int:
    """Return the time."""
    return time.time_ns() // 1_000_000


def lease_names(name: str) -> tuple[str, str]:
    """Return the leases to follow the feed for the target of this name, and to fill it."""
    return f"syncer:{name}", f"syncer-backfill:{name}"


class Lease:
    """A lease of the source, renewed when half of it is over. It saves work; what keeps order is the checkpoint."""

    def __init__(self, store: MetadataStore, name: str, *, seconds: float) -> None:
        self._store, self._name = store, name
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._length = int(seconds * 1000)
        self._until = 0

    def held(self) -> bool:
        """Return whether this syncer has the lease; take or renew it when possible."""
        if not isinstance(self._store, SupportsLeases):
            return True
        now = now_ms()
        # A clock that was set back must not make the lease look longer than it ever was.
        if self._length / 2 <= self._until - now <= self._length:
            return True
        until = now + self._length
        self._until = 0
        if self._store.acquire_lease(self._name, holder=self._holder, now=now, until=until):
            self._until = until
        return self._until > 0

    def give_up(self) -> None:
        """Let another syncer have it at once."""
        if self._until and isinstance(self._store, SupportsLeases):
            self._until = 0
            self._store.release_lease(self._name, holder=self._holder)
