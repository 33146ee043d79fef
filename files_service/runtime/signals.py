"""Hears the signals that end a process."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable


def listen_for_signals(on_second: Callable[[], None] = lambda: None) -> int:
    """Return a descriptor that becomes readable with the first SIGTERM or SIGINT; more of them are for ``on_second``.

    The handler takes no lock: it runs between any two steps of the main thread, also within another handler. Nor does
    it ask an event loop for something, which would be heard when the loop wakes up by itself, seconds later.
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
