"""Native threads in a process that eventlet patched as a whole, as ``nameko run`` does.

The core works in native threads. Those cannot share a green lock: a thread that waits for a lock of another thread is
never woken. So locks, events, thread-locals, files and sleep become native again, as under ``files rpc``. Sockets stay
green: a thread that uses one waits in its own hub.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from eventlet import patcher
from eventlet.green import os as green_os
from eventlet.green import thread as green_thread
from eventlet.green import threading as green_threading
from eventlet.green import time as green_time

_GREEN: dict[str, Any] = {"_thread": green_thread, "threading": green_threading, "os": green_os, "time": green_time}


def keep_threads_native() -> None:
    """Undo eventlet's patches of threads, if any."""
    if not patcher.is_monkey_patched("thread"):
        return
    for name, green in _GREEN.items():
        original = patcher.original(name)
        for attribute in green.__patched__:
            if hasattr(original, attribute):
                setattr(sys.modules[name], attribute, getattr(original, attribute))
    native = patcher.original("threading")
    sys.modules["threading"].RLock = native.RLock  # type: ignore[attr-defined]
    # Locks that logging created before, for itself and for each handler.
    logging._lock = native.RLock()  # type: ignore[attr-defined]  # noqa: SLF001
    for reference in logging._handlerList:  # type: ignore[attr-defined]  # noqa: SLF001
        handler = reference()
        if handler is not None:
            handler.lock = native.RLock()
