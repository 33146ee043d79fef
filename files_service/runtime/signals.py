"""Signals that stop a process."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable


def listen_for_signals(on_second: Callable[[], None] = lambda: None) -> int:
    """Return a descriptor that becomes readable on the first SIGTERM or SIGINT; later signals call ``on_second``.

    The handler takes no lock: it runs between any two steps of the main thread, also within another handler. It does
    not schedule a callback on an event loop, because the loop would run it only when it wakes up, seconds later.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    heard: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        if heard:
            on_second()
            return
        heard.append(number)
        with contextlib.suppress(BlockingIOError):
            os.write(writer, b"!")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return reader
