"""A census in a process of its own that is stopped before its first deletion: ``python -m`` with URLs and a folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from files_service.nodes.controller.census import runner
from files_service.nodes.controller.census.driver import Driver
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.services.opening import open_core
from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.trimming import Limits
from tests.cores import settings_for
from tests.nodes.controller import SECRET
from tests.nodes.pings import KEYS


class StoppedDriver(Driver):
    """Driver that stops its process before the first deletion, and still believes in its lease afterwards."""

    def _ask(self, effect: e.Call) -> m.Reply:
        if isinstance(effect.request, m.TrashChunks):
            os.kill(os.getpid(), signal.SIGSTOP)
            self._is_certain = lambda: True
        return super()._ask(effect)


def main(metadata_url: str, blobs_url: str, folder: str) -> None:
    """Run the census and print its outcome."""
    runner.Driver = StoppedDriver  # type: ignore[attr-defined]
    runner.LEASE_SECONDS = 1.0
    settings = settings_for(
        Path(folder), FILES_METADATA_URL=metadata_url, FILES_BLOBS_URL=blobs_url, FILES_NODES_SECRET=SECRET
    )
    core, nodes = open_core(settings), Nodes(KEYS)
    watch = Watch(core, Layouts(core), Liveness(core.timer))
    limits = Limits(garbage_age=-1.0)
    census = runner.CensusRunner(core, watch, lambda: nodes, holder="stopped", throttle=Throttle(), limits=limits)
    outcome = census.run()
    assert outcome is not None
    sys.stdout.write(f"{outcome.candidates} candidates, {outcome.trashed} trashed: {outcome.error}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
