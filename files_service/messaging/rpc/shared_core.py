"""One core per process and settings, with its threads, shared by the services of the process."""

from __future__ import annotations

from dataclasses import dataclass, field

from eventlet.semaphore import Semaphore

from files_service.config import Settings
from files_service.core import Core
from files_service.messaging.rpc.pool import ThreadPool
from files_service.runtime.metrics import Metrics
from files_service.services.listing.metrics import ListsCollector
from files_service.services.opening import open_core

THREADS = 32

_opening = Semaphore()
_cores: dict[Settings, SharedCore] = {}


@dataclass(slots=True, eq=False)
class SharedCore:
    """An open core with its metrics; closes when the last user releases it."""

    core: Core
    threads: ThreadPool
    metrics: Metrics = field(default_factory=Metrics)
    users: int = 0


def open_shared(settings: Settings) -> SharedCore:
    """Open the core of these settings, or share the one that is open. Raises the errors of opening it."""
    with _opening:
        shared = _cores.get(settings)
        if shared is None:
            threads = ThreadPool(THREADS)
            try:
                shared = SharedCore(threads.execute(open_core, settings), threads)
                shared.metrics.watch(ListsCollector(shared.core.lists))
            except BaseException:
                threads.close()
                raise
            _cores[settings] = shared
        shared.users += 1
        return shared


def close_shared(shared: SharedCore) -> None:
    """Release a core."""
    with _opening:
        shared.users -= 1
        if shared.users == 0:
            del _cores[shared.core.settings]
            shared.threads.execute(shared.core.close)
            shared.threads.close()
