"""Index builds of a metadata store whose database updates indexes when they are read."""

from __future__ import annotations

from files_service.core import Core
from files_service.worker.leased import Leased
from storage_adapters import IndexBuilder, SupportsDesigns

LEASE_SECONDS = 120.0
RETRY_SECONDS = 30.0


class LeasedIndexBuilder(Leased):
    """Builder of one index after the other; one worker of several holds the lease."""

    def __init__(self, core: Core, store: SupportsDesigns, *, holder: str) -> None:
        super().__init__(core, "warming", holder=holder, seconds=LEASE_SECONDS)
        self._builder = IndexBuilder(store)

    def step(self) -> float:
        """Build the next index; return the seconds to wait. Raises StorageUnavailable."""
        return self._builder.step() if self._lease.held() else RETRY_SECONDS
