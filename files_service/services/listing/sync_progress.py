"""Progress of the syncer that fills the list store, as stored in the primary."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from files_service.runtime.breaker import Breaker
from files_service.runtime.executor import Executor
from storage_adapters import StorageUnavailable, SupportsChanges, sync_name

logger = logging.getLogger(__name__)

MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Lag of the list store: ``changes`` that it does not have yet, counted up to ``MOST_COUNTED``.

    ``oldest_at`` is the time of the oldest of them, 0 without any.
    """

    changes: int
    oldest_at: int


class SyncProgress:
    """Reader of the syncer's checkpoint.

    While the primary is unavailable, the last checkpoint is used: checkpoints only advance.
    """

    def __init__(self, primary: SupportsChanges, url: str, callers: Executor, breaker: Breaker) -> None:
        self.consumer = consumer_of(url)
        self._primary = primary
        self._callers = callers
        self._breaker = breaker
        self._seen = ""

    def read(self) -> str:
        """Return the checkpoint, "" when there is none. Raises StorageUnavailable when none was ever read."""
        if self._breaker.is_closed:
            try:
                self._seen = self._primary.checkpoint(self.consumer)
            except StorageUnavailable:
                self._breaker.fail()
                if not self._seen:
                    raise
        elif self._breaker.begin_try():
            self._callers.begin(self._try)
        return self._seen

    def _try(self) -> None:
        succeeded = False
        try:
            self._seen = self._primary.checkpoint(self.consumer)
            succeeded = True
        finally:
            self._breaker.end_try(succeeded=succeeded)


def consumer_of(url: str) -> str:
    """Return the checkpoint name of the syncer that fills the store of this URL."""
    return f"sync:{sync_name(url)}"


def lag_of(primary: SupportsChanges, url: str) -> Lag | None:
    """Return the lag of the store of this URL, None before the end of its first backfill."""
    checkpoint = primary.checkpoint(consumer_of(url))
    if not checkpoint:
        return None
    changes = primary.changes(after=checkpoint, limit=MOST_COUNTED)
    return Lag(changes=len(changes), oldest_at=changes[0].changed_at if changes else 0)
