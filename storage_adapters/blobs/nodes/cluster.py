"""The nodes as an adapter sees them: the layout, calls with a memory of silent nodes, and errors of stores."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.layouts import LayoutSource
from storage_adapters.blobs.nodes.location import Location
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol import reading, writing
from storage_adapters.blobs.nodes.protocol.effects import Call, Step
from storage_adapters.blobs.nodes.protocol.errors import (
    ChunkAbsent,
    ChunkLost,
    NodeFull,
    ProtocolError,
    TooFewCopies,
    Unreachable,
)
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.blobs.nodes.threads import ThreadDriver
from storage_adapters.errors import BlobDamaged, BlobNotFound, StorageFull, StorageUnavailable

T = TypeVar("T")
# A node that let so many requests in a row wait so long is given less time, but every so many seconds.
SILENCES = 2
SILENT_SECONDS = 0.9
SUSPECTED_SECONDS = 0.3
PROBE_SECONDS = 2.0
READ_HEDGE_SECONDS, WRITE_HEDGE_SECONDS = 0.05, 0.5
_ENOUGH_CALLS = 20


class Latencies:
    """The seconds that the last calls took."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=200)

    def add(self, seconds: float) -> None:
        """Note a call."""
        self._last.append(seconds)

    def p95(self) -> float:
        """Return the time that nineteen of twenty calls did not exceed, 0 before there are some."""
        ordered = sorted(self._last)
        return ordered[len(ordered) * 19 // 20] if len(ordered) >= _ENOUGH_CALLS else 0.0


@dataclass(slots=True)
class _Silence:
    count: int = 0
    probe_at: float = 0.0


class Cluster:
    """Steps on the nodes of the current layout; threads may share it."""

    def __init__(self, layouts: LayoutSource, caller: NodeCaller, location: Location) -> None:
        self._layouts, self._caller, self._location = layouts, caller, location
        self._driver = ThreadDriver(self._call, self._fetch_layout)
        self._reads, self._writes = Latencies(), Latencies()
        self._lock = threading.Lock()
        self._silences: dict[str, _Silence] = {}

    def layout(self) -> Layout:
        """Return the current layout, with the numbers of copies of the URL. Raises StorageUnavailable."""
        layout = self._layouts.current()
        copies, min_write = self._location.copies or layout.copies, self._location.min_write or layout.min_write
        if (copies, min_write) == (layout.copies, layout.min_write):
            return layout
        return replace(layout, copies=copies, min_write=min(min_write, copies))

    @property
    def reading(self) -> reading.Timing:
        """Limits of a read: another node is asked beside one that is slower than nearly all reads."""
        return reading.Timing(hedge=max(READ_HEDGE_SECONDS, self._reads.p95()))

    @property
    def writing(self) -> writing.Timing:
        """Limits of a write: another node is tried beside one that is far slower than nearly all writes."""
        return writing.Timing(total=self._location.timeout, hedge=max(WRITE_HEDGE_SECONDS, 4 * self._writes.p95()))

    def run(self, step: Step[T]) -> T:
        """Perform a step. Raises what ``ProtocolError`` means for a store."""
        with translated():
            return self._driver.run(step)

    def perform(self, step: Step[T]) -> T:
        """Perform a step. Raises ProtocolError."""
        return self._driver.run(step)

    def begin(self, step: Step[T]) -> Future[T]:
        """Perform a step beside; its result raises ProtocolError."""
        return self._driver.begin(step)

    def beside(self, work: Callable[[], T]) -> Future[T]:
        """Run a function with steps beside."""
        return self._driver.submit(work)

    def close(self) -> None:
        """Begin no more steps."""
        self._driver.close()

    def _call(self, effect: Call) -> m.Reply:
        try:
            url = self._layouts.current().node(effect.node_id).url
        except KeyError:
            raise Unreachable(effect.node_id, "it is not registered any more") from None
        timeout = self._patience(effect.node_id, effect.timeout)
        started = time.monotonic()
        try:
            reply = self._caller.call(effect.node_id, url, effect.request, timeout)
        except Unreachable:
            # A connection that is refused costs no time, and may be taken a moment later.
            if time.monotonic() - started >= SILENT_SECONDS:
                self._note(effect.node_id, silent=True)
            raise
        except ProtocolError:
            self._note(effect.node_id, silent=False)
            raise
        self._note(effect.node_id, silent=False)
        if isinstance(effect.request, m.PutChunk):
            self._writes.add(time.monotonic() - started)
        elif isinstance(effect.request, m.GetChunk | m.GetIndex):
            self._reads.add(time.monotonic() - started)
        return reply

    def _fetch_layout(self) -> Layout:
        if not self._layouts.refresh():
            raise Unreachable("controller", "no controller answers")
        return self.layout()

    def _patience(self, node_id: str, timeout: float) -> float:
        """Return the seconds to wait for a node: few for one that was silent lately, but now and then all.

        Where so many were silent that the others are too few for a write, it is this machine or the network that is
        slow, and all get their time.
        """
        with self._lock:
            silence = self._silences.get(node_id)
            suspected = sum(each.count >= SILENCES for each in self._silences.values())
        if silence is None or silence.count < SILENCES:
            return timeout
        layout = self.layout()
        if len(layout.registered) - suspected < layout.min_write:
            return timeout
        with self._lock:
            if time.monotonic() < silence.probe_at:
                return min(timeout, SUSPECTED_SECONDS)
            silence.probe_at = time.monotonic() + PROBE_SECONDS
        return timeout

    def _note(self, node_id: str, *, silent: bool) -> None:
        with self._lock:
            if not silent:
                self._silences.pop(node_id, None)
                return
            silence = self._silences.setdefault(node_id, _Silence())
            silence.count += 1
            silence.probe_at = time.monotonic() + PROBE_SECONDS


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors of the protocol into those of stores."""
    try:
        yield
    except ChunkAbsent as error:
        raise BlobNotFound(str(error)) from error
    except ChunkLost as error:
        raise BlobDamaged(str(error)) from error
    except TooFewCopies as error:
        full = error.failures and all(isinstance(each, NodeFull) for each in error.failures)
        raise (StorageFull if full else StorageUnavailable)(f"nodes: {error}") from error
    except ProtocolError as error:
        raise StorageUnavailable(f"nodes: {error}") from error
