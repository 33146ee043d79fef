"""A process that ends before its n-th write, with all its threads: nothing that it began writes after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from files_service.core import Core
from tests.unit.killable import Killed
from tests.waiting import PATIENCE_SECONDS, wait_until

_WRITES = {
    "metadata": (
        *("save", "delete", "mark_clean", "put_document", "delete_document", "create_upload", "append_chunks"),
        *("seal_upload", "delete_upload", "mark_garbage", "forget_garbage", "reserve_chunks", "set_size"),
    ),
    "blobs": ("delete", "delete_many", "put", "writer", "write_whole", "copy"),
}


class Fuse:
    """Counts writes, and ends the process before the n-th, and whatever it would still write."""

    def __init__(self, last: int | None = None) -> None:
        self.writes = 0
        self._last = last
        self._lock = threading.Lock()

    def burn(self) -> None:
        with self._lock:
            self.writes += 1
            if self._last is not None and self.writes >= self._last:
                raise Killed


@contextmanager
def fused(core: Core, fuse: Fuse) -> Iterator[None]:
    """Let the fuse stand before all writes of the threads of this process.

    A thread that waits between two writes, while another one dies, would else go on in the life after: to the sweep
    it would be a sender that was silent for as many days as the clock is set on.
    """
    others = set(threading.enumerate())
    with pytest.MonkeyPatch.context() as patch:
        for name, methods in _WRITES.items():
            store = getattr(core, name)
            for method in methods:
                patch.setattr(store, method, _before(fuse, getattr(store, method)))
        try:
            yield
        finally:
            wait_until(
                lambda: others.issuperset(threading.enumerate()),
                seconds=PATIENCE_SECONDS,
                otherwise="a thread of the process lives on",
            )


def _before(fuse: Fuse, method: Callable[..., Any]) -> Callable[..., Any]:
    def burning(*args: Any, **kwargs: Any) -> Any:
        fuse.burn()
        return method(*args, **kwargs)

    return burning
