"""Index builds of a metadata store whose database updates indexes when they are read."""

from __future__ import annotations

from files_service.core import Core
from files_service.runtime.lease import Lease
from storage_adapters import IndexBuilder, SupportsDesigns

LEASE_SECONDS = 120.0
RETRY_SECONDS = 30.0


class LeasedIndexBuilder:
    """Builder of one index after the other; one worker of several holds the lease."""

    def __init__(self, core: Core, store: SupportsDesigns, *, holder: str) -> None:
        self._builder = IndexBuilder(store)
        self._lease = Lease(
            core.metadata, "warming", holder=holder, seconds=LEASE_SECONDS, clock=core.clock, timer=core.timer
        )

    def step(self) -> float:
        """Build the next index; return the seconds to wait. Raises StorageUnavailable."""
        return self._builder.step() if self._lease.held() else RETRY_SECONDS

    def give_up(self) -> None:
        """Release the lease, so that another worker can continue at once."""
        self._lease.release()
