"""Signals: the first one ends the process between two batches, the second one at once."""

from __future__ import annotations

import os
import signal
import threading

from files_service.runtime.signals import listen_for_signals


def stop_by_signal() -> threading.Event:
    """Return an event that SIGTERM and SIGINT set; a second signal ends the process by the default action."""
    stopping = threading.Event()
    reader = listen_for_signals(on_second=_end)

    def wait() -> None:
        # A thread sets the event: the main thread may hold its lock at the moment of the signal.
        os.read(reader, 1)
        stopping.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    return stopping


def _end() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)
