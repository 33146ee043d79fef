"""Copies batches while the ones behind them are read, and a few of them at the same time.

The order in which batches arrive in the target means nothing: a copy is stored when its revision is higher. So the
server is never left waiting while copies are made, and one that works on several requests at once has them. Two that
have a file in common come one after the other all the same: at once, one would be refused and written again. Whoever
moves the checkpoint takes the batches in the order in which they were read, each when it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from storage_adapters import FileRecord, Tombstone
from syncer.ahead import ahead
from syncer.pair import TargetStore

T = TypeVar("T")

Copy = FileRecord | Tombstone
Batch = tuple[T, Sequence[Copy]]

MOST_AT_ONCE = 2


class Copying(Generic[T]):
    """Batches on their way to the target, in the order in which they are read; each comes with what it belongs to.

    After an error nothing more comes. What had been read by then may arrive in the target all the same.
    """

    def __init__(self, target: TargetStore, batches: Iterator[Batch[T]]) -> None:
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="copying")
        self._ahead = ahead(self._started(target, batches))

    def next(self) -> tuple[T, list[bool]] | None:
        """Wait for the next batch; returns what it belongs to and which copies were stored, None behind the last.

        Raises what reading or ``replicate`` raises.
        """
        item: tuple[T, Future[list[bool]]] | None = next(self._ahead, None)
        if item is None:
            return None
        try:
            return item[0], item[1].result()
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Read no further, and start nothing that is waiting; what has been sent is not waited for."""
        self._ahead.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _started(self, target: TargetStore, batches: Iterator[Batch[T]]) -> Iterator[tuple[T, Future[list[bool]]]]:
        under_way: list[tuple[frozenset[str], Future[list[bool]]]] = []
        for told, copies in batches:
            files = frozenset(copy.file_id for copy in copies)
            under_way = [each for each in under_way if not each[1].done()]
            before = [future for others, future in under_way if not others.isdisjoint(files)]
            future = self._pool.submit(_replicate_after, before, target, copies)
            under_way.append((files, future))
            yield told, future


def _replicate_after(before: Sequence[Future[list[bool]]], target: TargetStore, copies: Sequence[Copy]) -> list[bool]:
    # They began earlier, for the pool takes them in order. What they raise is for whoever comes to them in turn.
    wait(before)
    return target.replicate(copies)
