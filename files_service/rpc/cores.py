"""One core per process and settings, shared by the services of the process. Called in native threads only."""

from __future__ import annotations

from eventlet import patcher

from files_service.config import Settings
from files_service.core import Core, open_core

_lock = patcher.original("threading").Lock()
_cores: dict[Settings, tuple[Core, int]] = {}


def open_shared(settings: Settings) -> Core:
    """Open the core of these settings, or return the one that is open."""
    with _lock:
        core, users = _cores.get(settings) or (open_core(settings), 0)
        _cores[settings] = (core, users + 1)
        return core


def close_shared(settings: Settings) -> None:
    """Close the core of these settings once everybody who opened it has closed it."""
    with _lock:
        core, users = _cores.pop(settings)
        if users > 1:
            _cores[settings] = (core, users - 1)
        else:
            core.close()
