"""The counter of stored bytes: one owner or tenant after the other, at a bounded load."""

from __future__ import annotations

from collections.abc import Callable

from files_service.core import Core
from files_service.services.analytics.stored import Stopped, count_stored, due_count, put_off
from files_service.worker.leased import Leased
from storage_adapters import SupportsDocuments

LEASE_SECONDS = 30
RETRY_SECONDS = 5.0
# The share of time between counts is this times that of counts.
_LOAD = 10


class StoredBytes(Leased):
    """Counter of the bytes that owners and tenants whose files changed take."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(core, "stored bytes", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self.counted = 0

    def step(self) -> float:
        """Count who is due; return the seconds to wait."""
        if not isinstance(self._core.metadata, SupportsDocuments) or not self._lease.held():
            return RETRY_SECONDS
        found = due_count(self._core)
        if found is None or found[1] > self._core.clock():
            return RETRY_SECONDS
        began = self._core.timer()
        try:
            count_stored(self._core, found[0], lambda: not self._stopped() and self._lease.held())
        except Stopped:
            return RETRY_SECONDS
        except Exception:
            # The next step counts another one.
            put_off(self._core, found[0])
            raise
        self.counted += 1
        return _LOAD * (self._core.timer() - began) / 1000
