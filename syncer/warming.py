"""Keeps the indexes of a target up to date that derives them when they are read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from storage_adapters import StorageError, SupportsDesigns, Warmer
from syncer.metrics import Metrics
from syncer.outages import Outages
from syncer.pair import Pair
from syncer.syncer import ELSEWHERE_SECONDS, Syncer

logger = logging.getLogger(__name__)

AFTER_FAILURE_SECONDS = 5.0


def keep_warm(syncer: Syncer, metrics: Metrics, stopping: threading.Event) -> None:
    """Have a thread bring one index of the target after the other up to date, while this syncer is the one at work."""
    if isinstance(syncer.pair.target, SupportsDesigns):
        warmer = Warmer(syncer.pair.target)
        arguments = (syncer, warmer, metrics, stopping)
        threading.Thread(target=_keep_warm, args=arguments, name="warming", daemon=True).start()


def build(pair: Pair, outages: Outages, tell: Callable[[int, int], None] = lambda done, of: None) -> None:
    """Bring all indexes of the target up to date, telling how many are. Raises Stopped, StorageUnavailable."""
    target = pair.target
    if not isinstance(target, SupportsDesigns):
        return
    names = outages.outlive(target.designs)[1]
    for done, name in enumerate(names):
        tell(done, len(names))
        while not outages.outlive(partial(target.build_design, name)):
            continue
    tell(len(names), len(names))


def _keep_warm(syncer: Syncer, warmer: Warmer, metrics: Metrics, stopping: threading.Event) -> None:
    pause = 0.0
    while not stopping.wait(pause):
        if syncer.is_elsewhere:
            pause = ELSEWHERE_SECONDS
            continue
        try:
            with metrics.index.time():
                pause = warmer.step()
        except StorageError as error:
            # Whether the target is there is said by those who copy; an index can wait.
            logger.debug("an index was not brought up to date", extra={"error": str(error)})
            pause = AFTER_FAILURE_SECONDS
