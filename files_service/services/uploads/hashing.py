"""Checksums of whole uploads, computed while the bytes arrive; only bytes out of order need a second read.

A process keeps the state of the hash of each upload. Hashed bytes count only once they are stored: a sender resumes at
the stored offset, and so does the hash, which keeps a copy of its state at each chunk border.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

_REMEMBERED = 4_096
_CUTS = 32


@dataclass(slots=True)
class _State:
    place: int
    sha256: Any
    md5: Any

    def copy(self) -> _State:
        return _State(self.place, self.sha256.copy(), self.md5 and self.md5.copy())


@dataclass(slots=True)
class WholeHash:
    """Checksums of the first bytes of one upload. ``feed`` takes the next bytes, in the order of the calls."""

    with_md5: bool
    _state: _State | None = None
    _cuts: deque[_State] = field(default_factory=lambda: deque(maxlen=_CUTS))
    _waiting: deque[tuple[int, Any, Future[None]]] = field(default_factory=deque)
    _running: bool = False
    _lock: Lock = field(default_factory=Lock)

    def begin(self, offset: int) -> None:
        """Continue at a stored offset if it is a chunk border; otherwise the whole is read at the end."""
        with self._lock:
            cuts = [*self._cuts, *([self._state] if self._state else [])]
            found = next((state for state in reversed(cuts) if state.place == offset), None)
            self._cuts.clear()
            if offset == 0:
                found = _State(0, hashlib.sha256(), hashlib.md5(usedforsecurity=False) if self.with_md5 else None)
            self._state = found and found.copy()
            if found is not None:
                self._cuts.append(found.copy())

    def spoil(self) -> None:
        """Forget the hash: the hashed bytes are not the stored ones."""
        with self._lock:
            self._state = None
            self._cuts.clear()

    def feed(self, offset: int, data: memoryview, pool: Executor) -> Future[None]:
        """Hash bytes in the pool, after those fed before; the future is done when the data can be reused."""
        done: Future[None] = Future()
        with self._lock:
            self._waiting.append((offset, data, done))
            start, self._running = not self._running, True
        if start:
            pool.submit(self._drain)
        return done

    def result(self, size: int) -> tuple[str, str | None] | None:
        """Return SHA-256 and MD5 of the whole, None unless all bytes were fed."""
        with self._lock:
            state = self._state
            if state is None or state.place != size:
                return None
            return state.sha256.hexdigest(), state.md5.hexdigest() if state.md5 else None

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                offset, data, done = self._waiting.popleft()
                state = self._state
            if state is not None and state.place == offset:
                state.sha256.update(data)
                if state.md5 is not None:
                    state.md5.update(data)
                with self._lock:
                    state.place += len(data)
                    if self._state is state:
                        self._cuts.append(state.copy())
            del data
            done.set_result(None)


class Hashes:
    """Hashes of the uploads that this process used last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, WholeHash] = OrderedDict()
        self._lock = Lock()

    def of(self, upload_id: str, *, with_md5: bool) -> WholeHash:
        """Return the hash of an upload."""
        with self._lock:
            found = self._known.setdefault(upload_id, WholeHash(with_md5))
            self._known.move_to_end(upload_id)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
            return found

    def forget(self, upload_id: str) -> None:
        """Forget a finished upload."""
        with self._lock:
            self._known.pop(upload_id, None)


def hash_again(pieces: Any, *, with_md5: bool, keepalive: Callable[[], None] = lambda: None) -> tuple[str, str | None]:
    """Hash the stored bytes in a second read."""
    sha256 = hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
    for piece in pieces:
        keepalive()
        sha256.update(piece)
        if md5 is not None:
            md5.update(piece)
    return sha256.hexdigest(), md5.hexdigest() if md5 is not None else None
