"""Signals: the first one ends the process between two batches, the second one at once."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


def stop_by_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopping = threading.Event()
    heard, said = os.pipe()

    def stop(number: int, frame: FrameType | None) -> None:
        # A handler runs between any two steps of the main thread, which may hold the lock of the event just then: so
        # another thread sets it. Another signal may come while this one is being dealt with.
        signal.signal(number, signal.SIG_DFL)
        os.write(said, b"!")

    def wait() -> None:
        os.read(heard, 1)
        stopping.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
