"""Batches that are copied ahead: in order, a few at a time, and no more once something went wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from storage_adapters import FileRecord, StorageUnavailable, Tombstone
from syncer.copying import Copying
from syncer.metrics import Metrics
from syncer.syncer import Syncer
from tests.contract.metadata_scenes import add, make_record
from tests.syncer.pairs import catch_up, numbered, open_pair_of

WAIT_SECONDS = 20
Copies = Sequence[FileRecord | Tombstone]


class Target:
    """Takes copies in the order it is told to; each batch is one record, whose revision is its number."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.waits: dict[int, threading.Event] = {}
        self.broken: set[int] = set()

    def replicate(self, copies: Copies) -> list[bool]:
        """Wait until this batch may go on, then take it or fail."""
        number = copies[0].revision
        if number in self.waits:
            assert self.waits[number].wait(WAIT_SECONDS)
        self.taken.append(number)
        if number in self.broken:
            raise StorageUnavailable("away")
        return [True]


def batches(numbers: Iterator[int], read: list[int]) -> Iterator[tuple[int, Copies]]:
    for number in numbers:
        read.append(number)
        yield number, [make_record(f"f{number}", revision=number)]


def copying_of(target: Any, numbers: Iterator[int], read: list[int] | None = None) -> Copying[int]:
    return Copying(target, batches(numbers, [] if read is None else read))


def test_a_batch_that_is_stored_early_waits_for_the_one_before() -> None:
    target = Target()
    target.waits = {1: threading.Event()}
    copying = copying_of(target, iter([1, 2]))

    def late() -> None:
        while target.taken != [2]:
            threading.Event().wait(0.001)
        target.waits[1].set()

    other = threading.Thread(target=late)
    other.start()
    assert [copying.next(), copying.next(), copying.next()] == [(1, [True]), (2, [True]), None]
    assert target.taken == [2, 1]
    other.join()


def test_a_batch_waits_for_those_under_way_that_have_a_file_in_common_with_it() -> None:
    target = Target()
    target.waits = {1: threading.Event()}
    # The second has none in common, the third has one with the first.
    copies = [[make_record("a", revision=1)], [make_record("b", revision=2)], [make_record("a", revision=3)]]
    copying = Copying(target, iter(enumerate(copies, 1)))  # type: ignore[arg-type]

    def late() -> None:
        while 2 not in target.taken:
            threading.Event().wait(0.001)
        # Whoever took the second is free for the third.
        threading.Event().wait(0.05)
        target.waits[1].set()

    other = threading.Thread(target=late)
    other.start()
    assert [copying.next() for _ in range(4)] == [(1, [True]), (2, [True]), (3, [True]), None]
    assert target.taken == [2, 1, 3]
    other.join()


def test_only_a_few_batches_are_read_ahead() -> None:
    read: list[int] = []
    target = Target()
    target.waits = {2: threading.Event(), 3: threading.Event()}
    copying = copying_of(target, iter(range(1, 1_000)), read)
    assert copying.next() == (1, [True])
    target.waits[3].set()
    while 4 not in target.taken:
        threading.Event().wait(0.001)
    # The second is waited for. Two are in the queue with it, and one is to be put there.
    assert read == [1, 2, 3, 4]
    target.waits[2].set()
    copying.drop()


def test_behind_an_error_nothing_comes() -> None:
    target = Target()
    target.broken = {2}
    copying = copying_of(target, iter(range(1, 100)))
    assert copying.next() == (1, [True])
    with pytest.raises(StorageUnavailable):
        copying.next()
    assert copying.next() is None
    copying.drop()


def test_a_checkpoint_never_passes_a_batch_that_failed(tmp_path: Any) -> None:
    """The batch behind the broken one arrives; the checkpoint stays before both, and nothing is missing in the end."""
    pair = open_pair_of(f"sqlite:///{tmp_path}/source.db", f"sqlite:///{tmp_path}/target.db")
    syncer = Syncer(pair, Metrics(), batch=5)
    add(pair.source, *numbered(1))
    catch_up(syncer)
    add(pair.source, *numbered(41)[1:])
    replicate, calls = pair.target.replicate, iter(range(100))

    def failing(copies: Copies, *, force: bool = False) -> list[bool]:
        if next(calls) == 2:
            raise StorageUnavailable("away")
        return replicate(copies, force=force)

    setattr(pair.target, "replicate", failing)  # noqa: B010 - a method is replaced
    places = [pair.source.checkpoint(pair.consumer)]

    def step_on() -> None:
        while True:
            syncer.step()
            places.append(pair.source.checkpoint(pair.consumer))

    with pytest.raises(StorageUnavailable):
        step_on()
    copied = [change.file_id for change in pair.source.changes(after="", limit=100)]
    passed = [change.file_id for change in pair.source.changes(after=places[-1], limit=100)]
    assert all(pair.target.get(file_id) for file_id in copied[: len(copied) - len(passed)])
    assert pair.source.checkpoint(pair.consumer) == places[-1]
    catch_up(syncer)
    assert [pair.target.get(file_id).file_id for file_id in copied] == copied
    pair.close()
