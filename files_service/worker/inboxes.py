"""The worker that fills the inboxes of owners from the change feed. A lease allows one at a time."""

from __future__ import annotations

from files_service.core import Core
from files_service.services.inbox.feed import BATCH, InboxFeed
from files_service.worker.leased import Leased
from storage_adapters import CheckpointConflict, SupportsDocuments

LEASE_SECONDS = 10
SHORTEST_IDLE_SECONDS = 0.2
LONGEST_IDLE_SECONDS = 2.0
RETRY_SECONDS = 2.0
WITHOUT_DOCUMENTS_SECONDS = 3_600.0


class Inboxes(Leased):
    """Writer of the inboxes."""

    def __init__(self, core: Core, *, holder: str) -> None:
        super().__init__(core, "inboxes", holder=holder, seconds=LEASE_SECONDS)
        self._has_documents = isinstance(core.metadata, SupportsDocuments)
        self._feed = InboxFeed(core)
        self._idle = SHORTEST_IDLE_SECONDS

    def step(self) -> float:
        """Read the next batch; return the seconds to wait until the next step."""
        if not self._has_documents:
            return WITHOUT_DOCUMENTS_SECONDS
        if not self._lease.held():
            return RETRY_SECONDS
        try:
            read = self._feed.step()
        except CheckpointConflict:
            # Another worker reads, although we have the lease.
            return RETRY_SECONDS
        if read == BATCH:
            return 0.0
        self._idle = SHORTEST_IDLE_SECONDS if read else min(LONGEST_IDLE_SECONDS, 2 * self._idle)
        return self._idle
