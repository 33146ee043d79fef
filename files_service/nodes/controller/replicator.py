"""Replication soon after an upload: the copies that its write did not make. All of it may be lost: the census knows."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from itertools import islice

from files_service.core import Core
from files_service.nodes.controller.census.driver import Driver
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.services.files import load_owning
from files_service.services.wanted_blobs import blobs_of_record
from storage_adapters import FileRecord, RecordNotFound
from storage_adapters.blobs.nodes.protocol.effects import Wanted
from storage_adapters.blobs.nodes.protocol.messages import IDS_AT_ONCE, Blobs, FindBlobs, Have, Present
from storage_adapters.blobs.nodes.protocol.naming import generation_in, piece_names
from storage_adapters.blobs.nodes.protocol.replication import replicate, retry_after

WAIT_SECONDS = 3_600.0
MOST_WAITING = 10_000
_ASKED_AT_ONCE = 500
_THREADS = 8


class Replicator:
    """The replicator of one process. ``copied`` counts files whose chunks all have their copies."""

    def __init__(
        self,
        core: Core,
        watch: Watch,
        nodes: Callable[[], Nodes],
        *,
        throttle: Throttle,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._core, self._watch, self._nodes, self._throttle, self._stopped = core, watch, nodes, throttle, stopped
        self._lock = threading.Lock()
        # Time at which a file is due, its id, and the number of failures so far.
        self._queue: list[tuple[int, str, int]] = []
        self.copied = self.dropped = 0

    @property
    def waiting(self) -> int:
        """The number of files that wait."""
        return len(self._queue)

    def notice(self, file_id: str) -> None:
        """Take note of a file that was uploaded."""
        self._put(self._core.timer(), file_id, 0)

    def step(self) -> float:
        """Replicate the files that are due; return the seconds to wait."""
        while not self._stopped():
            with self._lock:
                if not self._queue:
                    return WAIT_SECONDS
                due_at, file_id, failures = self._queue[0]
                if due_at > self._core.timer():
                    return (due_at - self._core.timer()) / 1000
                heapq.heappop(self._queue)
            if self._replicate(file_id):
                self.copied += 1
            else:
                self._put(self._core.timer() + int(retry_after(failures) * 1000), file_id, failures + 1)
        return WAIT_SECONDS

    def _put(self, due_at: int, file_id: str, failures: int) -> None:
        with self._lock:
            if len(self._queue) >= MOST_WAITING:
                self.dropped += 1
                return
            heapq.heappush(self._queue, (due_at, file_id, failures))

    def _replicate(self, file_id: str) -> bool:
        try:
            record = load_owning(self._core, file_id)
        except RecordNotFound:
            return True
        if not isinstance(record, FileRecord):
            return True
        view, unknown = self._watch.view, list[str]()
        driver = Driver(self._core, self._nodes(), view.layout, throttle=self._throttle, threads=_THREADS)
        try:
            # Each of them, also after one that failed.
            outcomes = [driver.run(replicate(view, Wanted(name))) for name in self._short_of_copies(record, unknown)]
        finally:
            driver.close()
        return all(outcomes) and not unknown

    def _short_of_copies(self, record: FileRecord, unknown: list[str]) -> Iterator[str]:
        """Yield the names of the chunks that an assigned node lacks, as far as the nodes answer."""
        view, names = self._watch.view, self._names(record, unknown)
        while some := tuple(islice(names, IDS_AT_ONCE)):
            replies = self._nodes().ask_all(view.layout.registered, Have(some))
            held = {node_id: reply.entries for node_id, reply in replies.items() if isinstance(reply, Present)}
            for name in some:
                if any(name not in held.get(node.node_id, ()) for node in view.targets(name)):
                    yield name

    def _names(self, record: FileRecord, unknown: list[str]) -> Iterator[str]:
        """Yield the names of the chunks of a file that any node has.

        Keys that only a node may have that did not answer go to ``unknown``: of these nothing can be said now.
        """
        named = {blob.key: blob.generation for blob in blobs_of_record(self._core, record)}
        keys = list(named)
        for start in range(0, len(keys), _ASKED_AT_ONCE):
            request = FindBlobs(tuple(keys[start : start + _ASKED_AT_ONCE]))
            replies = self._nodes().ask_all(self._watch.view.layout.registered, request)
            found = [reply.entries for reply in replies.values() if isinstance(reply, Blobs)]
            is_partial = len(found) < len(replies)
            for key in request.keys:
                indexes = {index for each in found for index in each.get(key, ())}
                right = [index for index in indexes if generation_in(index) == named[key]]
                if is_partial and not right:
                    unknown.append(key)
                if index := max(right or indexes, default=""):
                    yield from (index, *piece_names(index))
