"""Work that one worker of several does at a time."""

from __future__ import annotations

from collections.abc import Callable

from files_service.core import Core
from files_service.runtime.lease import Lease


class Leased:
    """Work under a lease of a name; ``stopped`` tells that the process ends."""

    def __init__(
        self, core: Core, name: str, *, holder: str, seconds: float, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        self._core, self._stopped = core, stopped
        self._lease = Lease(core.metadata, name, holder=holder, seconds=seconds, clock=core.clock, timer=core.timer)

    def give_up(self) -> None:
        """Release the lease, so that another worker can continue at once."""
        self._lease.release()
