"""The way of a change: read a batch, write it to the target, move the checkpoint behind it.

1. Two batches are written at a time, and a few more are read meanwhile, so that the target never waits for a copy to
   be made. They may arrive in any order: a copy is stored only when its revision is higher. Two batches with a copy of
   the same file or document follow each other all the same; written together, one would be refused and sent again.
2. The checkpoint moves in the order of reading, each time when the batch is in the target. What was written ahead and
   not passed, because something failed or another syncer was faster, is written again: harmless.
3. The feed is never trimmed here: the relay does that, behind every checkpoint. Where nothing has a checkpoint yet,
   nothing may go.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from storage_adapters import CheckpointConflict, StorageError
from syncer.metrics import Metrics
from syncer.pair import Pair, TargetStore

logger = logging.getLogger(__name__)

WRITERS = 2
MOST_UNDER_WAY = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """One kind of copies: how the target takes a sequence of them, and what two copies of the same thing share."""

    write: Callable[[TargetStore, Sequence[Any]], list[bool]]
    key: Callable[[Any], Hashable]


FILES = Kind(write=lambda target, copies: target.replicate(copies), key=attrgetter("file_id"))
DOCUMENTS = Kind(write=lambda target, copies: target.replicate_documents(copies), key=attrgetter("key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Batch of changes written together, by kind, and the checkpoint behind them.

    ``size`` is how many changes or files were read, ``oldest_at`` when the first of them was made. Behind a batch that
    ``is_last`` nothing is read before it has passed.
    """

    position: str
    size: int
    copies: Mapping[Kind, Sequence[Any]]
    oldest_at: int | None = None
    is_last: bool = False


class Source(ABC):
    """Origin of batches. ``name`` labels its metrics, ``consumer`` is its checkpoint in the source store."""

    name: str
    consumer: str

    @abstractmethod
    def start(self) -> str:
        """Return the position to read from, where the checkpoint stands; "" when there is none."""

    @abstractmethod
    def read(self, position: str) -> Batch | None:
        """Return the batch behind a position, None when there is none now."""

    @abstractmethod
    def measure(self, position: str, batch: Batch | None) -> None:
        """Note the batch behind the checkpoint, before it is waited for; None when nothing is left."""

    def before_move(self, sequence: str) -> None:
        """Do what must be done in the target before the checkpoint moves to a sequence. Raises CheckpointConflict."""
        return

    @abstractmethod
    def passed(self, position: str, batch: Batch) -> None:
        """Note that the checkpoint moved from a position behind the batch."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A batch under way, and the keys of its copies; without a ``future`` it is written when its turn comes."""

    batch: Batch
    keys: frozenset[Hashable] = frozenset()
    future: Future[list[bool]] | None = None


class Pipeline:
    """Copy of one source to the target; ``position`` is its checkpoint, None while that is unknown."""

    def __init__(self, pair: Pair, source: Source, metrics: Metrics) -> None:
        self.position: str | None = None
        self._pair, self._source, self._metrics = pair, source, metrics
        self._under_way: deque[_Write] = deque()
        self._failure: StorageError | None = None
        self._pool: ThreadPoolExecutor | None = None

    def step(self) -> int | None:
        """Write the next batch to the target and pass it; return its size, None when there is nothing to read.

        Returns 0 when another syncer moved the checkpoint: harmless, the next step reads on from there. Raises what
        the stores raise; the batches before a failure have passed.
        """
        try:
            return self._pass_next(self.position or self.look())
        except CheckpointConflict:
            self.drop()
            facts = {"target": self._pair.name, "consumer": self._source.consumer}
            logger.info("another syncer moved the checkpoint", extra=facts)
            return 0
        except BaseException:
            self.drop()
            raise

    def look(self) -> str:
        """Read the position anew, with nothing under way, and return it."""
        self.position = self._source.start()
        return self.position

    def drop(self) -> None:
        """Forget the position and what is under way; what the target was sent is not waited for."""
        self.position = self._failure = None
        self._under_way.clear()
        self._stop_writers(wait=False)

    def _pass_next(self, position: str) -> int | None:
        self._read_ahead(position)
        first = self._under_way[0] if self._under_way else None
        self._source.measure(position, None if first is None else first.batch)
        if first is None:
            self._stop_writers(wait=True)
            return None
        batch = first.batch
        stored = self._write_after((), batch) if first.future is None else first.future.result()
        self._metrics.count(self._source.name, stored)
        self._source.before_move(batch.position)
        self._pair.source.move_checkpoint(self._source.consumer, expected=position, sequence=batch.position)
        self.position = batch.position
        self._under_way.popleft()
        self._source.passed(position, batch)
        return batch.size

    def _read_ahead(self, position: str) -> None:
        """Read and start a few batches. A failure is raised when those before it have passed."""
        while len(self._under_way) < MOST_UNDER_WAY and self._failure is None:
            behind = self._under_way[-1].batch if self._under_way else None
            if behind is not None and behind.is_last:
                return
            try:
                batch = self._source.read(position if behind is None else behind.position)
            except StorageError as error:
                self._failure = error
                break
            if batch is None:
                return
            self._under_way.append(self._start(batch))
        if self._failure is not None and not self._under_way:
            raise self._failure

    def _start(self, batch: Batch) -> _Write:
        if batch.is_last and not self._under_way:
            # There is nothing to do meanwhile: no other thread is needed.
            return _Write(batch)
        keys = frozenset((kind, kind.key(copy)) for kind, copies in batch.copies.items() for copy in copies)
        before = [each.future for each in self._under_way if each.future and not keys.isdisjoint(each.keys)]
        self._pool = self._pool or ThreadPoolExecutor(WRITERS, thread_name_prefix="copying")
        return _Write(batch, keys, self._pool.submit(self._write_after, before, batch))

    def _write_after(self, before: Sequence[Future[list[bool]]], batch: Batch) -> list[bool]:
        # They began earlier, for the pool takes them in order. Their errors are raised in their turn.
        wait(before)
        target = self._pair.target
        return [stored for kind, copies in batch.copies.items() for stored in kind.write(target, copies)]

    def _stop_writers(self, *, wait: bool) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)
