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
from typing import Any, NamedTuple

from isal.isal_zlib import crc32

_REMEMBERED = 4_096
_CUTS = 32


class Checksums(NamedTuple):
    """Checksums of a whole upload, in hex; None for those that are not computed."""

    sha256: str | None
    md5: str | None = None
    crc32: str | None = None


@dataclass(slots=True)
class _State:
    place: int
    sha256: Any
    md5: Any
    crc32: int = 0

    @classmethod
    def new(cls, *, with_md5: bool) -> _State:
        return cls(0, hashlib.sha256(), hashlib.md5(usedforsecurity=False) if with_md5 else None)

    def copy(self) -> _State:
        return _State(self.place, self.sha256.copy(), self.md5 and self.md5.copy(), self.crc32)

    def update(self, data: bytes | memoryview) -> None:
        self.sha256.update(data)
        if self.md5 is not None:
            self.md5.update(data)
        self.crc32 = crc32(data, self.crc32)

    def checksums(self) -> Checksums:
        return Checksums(self.sha256.hexdigest(), self.md5.hexdigest() if self.md5 else None, f"{self.crc32:08x}")


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
                found = _State.new(with_md5=self.with_md5)
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

    def result(self, size: int) -> Checksums | None:
        """Return the checksums of the whole, None unless all bytes were fed."""
        with self._lock:
            state = self._state
            return state.checksums() if state is not None and state.place == size else None

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running = False
                    return
                offset, data, done = self._waiting.popleft()
                state = self._state
            if state is not None and state.place == offset:
                state.update(data)
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


def hash_again(pieces: Any, *, with_md5: bool, keepalive: Callable[[], None] = lambda: None) -> Checksums:
    """Hash the stored bytes in a second read."""
    state = _State.new(with_md5=with_md5)
    for piece in pieces:
        keepalive()
        state.update(piece)
    return state.checksums()
