"""The work of a controller besides its answers: the watch, the census, and replication after uploads."""

from __future__ import annotations

from collections.abc import Callable

from files_service.core import Core
from files_service.nodes.controller.census.runner import CensusRunner
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.controller import Controller
from files_service.nodes.controller.replicator import Replicator
from files_service.nodes.controller.watch import Watch


class Duties:
    """The work of one process. Any number of processes may have it: the census has a lease."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        self.controller = Controller(core)
        throttle = Throttle()
        self.watch = Watch(core, self.controller.layouts, self.controller.liveness)
        self.census = CensusRunner(core, self.watch, lambda: self.controller.nodes, holder=holder, throttle=throttle)
        self.replicator = Replicator(
            core, self.watch, lambda: self.controller.nodes, throttle=throttle, stopped=stopped
        )

    @property
    def steps(self) -> dict[str, Callable[[], float]]:
        """The steps to repeat, each in a thread of its own."""
        return {"nodes": self.watch.step, "census": self.census.step, "replication": self.replicator.step}

    def close(self) -> None:
        """Close the connections to the nodes."""
        self.controller.close()


def duties_of(core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> Duties | None:
    """Return the work of a service whose blobs are on nodes, None for any other."""
    if not core.settings.nodes_secret or not Controller(core).has_nodes:
        return None
    return Duties(core, holder=holder, stopped=stopped)
