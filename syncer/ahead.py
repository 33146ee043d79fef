"""Reads on in a thread while what was read is being worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")

_DEPTH = 2
_END = object()


def ahead(items: Iterator[T]) -> Generator[T]:
    """Yield the same items, up to a few of them taken before they are asked for; what they raise is raised here."""
    ready: queue.Queue[tuple[object, BaseException | None]] = queue.Queue(_DEPTH)
    stopped = threading.Event()

    def put(item: object, error: BaseException | None = None) -> bool:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks
            put(_END, error)
        else:
            put(_END)

    thread = threading.Thread(target=read, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        # A generator that was left in a cycle may be closed by a collection that runs in the reading thread itself.
        if thread is not threading.current_thread():
            thread.join()
