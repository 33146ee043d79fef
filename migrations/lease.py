"""The lease to change a store, kept alive by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from files_service.runtime.clock import now_ms
from files_service.runtime.lease import KeptLease, Lease, LeaseTaken
from files_service.runtime.recounts import LEASE
from migrations.errors import Locked, Stopped
from storage_adapters import SupportsLeases

LEASE_MS = 30_000


class MigrationLease(KeptLease):
    """Lease for the duration of the block. ``check`` raises as soon as it may have been lost."""

    def __init__(
        self, store: SupportsLeases, holder: str, *, lease_ms: int = LEASE_MS, clock: Callable[[], int] = now_ms
    ) -> None:
        seconds = lease_ms / 1000
        super().__init__(Lease(store, LEASE, holder=holder, seconds=seconds, clock=clock), seconds=seconds)

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except LeaseTaken as error:
            raise Locked(
                "another runner works on this store: wait for it; if it was killed, its lease expires in 30 s"
            ) from error

    def check(self) -> None:
        """Raise Stopped unless the lease is certainly held."""
        if not self.is_certain():
            raise Stopped("the lease was lost: the store did not respond for too long; run again to continue")
