"""Building of indexes that a target derives when they are read."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

from storage_adapters import IndexBuilder, StorageError, SupportsDesigns
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.retry import Retry

logger = logging.getLogger(__name__)

STANDBY_SECONDS = 1.0
AFTER_FAILURE_SECONDS = 5.0


def build_all(pair: Pair, retry: Retry, tell: Callable[[int, int], None] = lambda done, of: None) -> None:
    """Build all indexes of the target and report how many are done. Raises Stopped, StorageUnavailable."""
    target = pair.target
    if not isinstance(target, SupportsDesigns):
        return
    names = retry.call(target.designs)[1]
    for done, name in enumerate(names):
        tell(done, len(names))
        while not retry.call(partial(target.build_design, name)):
            continue
    tell(len(names), len(names))


def build_in_turn(pair: Pair, metrics: Metrics, stopping: threading.Event, *, is_active: Callable[[], bool]) -> None:
    """Start a thread that builds one index after the other, while this syncer is the active one."""
    target = pair.target
    if not isinstance(target, SupportsDesigns):
        return
    builder = IndexBuilder(target)

    def build() -> None:
        pause = 0.0
        while not stopping.wait(pause):
            pause = _build_next(builder, metrics) if is_active() else STANDBY_SECONDS

    threading.Thread(target=build, name="index builder", daemon=True).start()


def _build_next(builder: IndexBuilder, metrics: Metrics) -> float:
    try:
        with metrics.index.time():
            return builder.step()
    except StorageError as error:
        # The pipeline reports an outage of the target; an index can wait.
        logger.debug("an index was not built", extra={"error": str(error)})
        return AFTER_FAILURE_SECONDS
