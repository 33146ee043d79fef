"""One pipeline: batches are read ahead, a few are written at a time, and the checkpoint moves in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from storage_adapters import FileRecord, StorageUnavailable, Tombstone, open_metadata_store
from syncer.metrics import Metrics
from syncer.pair import Pair
from syncer.pipeline import FILES, Batch, Pipeline, Source
from syncer.syncer import Syncer
from tests.contract.metadata_scenes import add, make_record
from tests.feeds import file_changes
from tests.syncer.pairs import catch_up, numbered, open_pair_of

WAIT_SECONDS = 120
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


class Numbers(Source):
    """Batches whose positions are numbers; remembers which were read and which have passed."""

    name = "feed"
    consumer = "numbers"

    def __init__(self, batches: Iterator[Copies]) -> None:
        self.read_ones: list[int] = []
        self.passed_ones: list[int] = []
        self._batches = batches

    def start(self) -> str:
        return ""

    def read(self, position: str) -> Batch | None:
        assert position == (str(self.read_ones[-1]) if self.read_ones else "")
        if (copies := next(self._batches, None)) is None:
            return None
        self.read_ones.append(copies[0].revision)
        return Batch(position=str(copies[0].revision), size=len(copies), copies={FILES: copies})

    def measure(self, position: str, batch: Batch | None) -> None:
        assert position == (str(self.passed_ones[-1]) if self.passed_ones else "")

    def passed(self, position: str, batch: Batch) -> None:
        self.passed_ones.append(int(batch.position))


def pipeline_of(target: Any, source: Source) -> Pipeline:
    # The checkpoint is kept where sources keep it.
    pair = Pair(source=open_metadata_store("memory://"), target=target, source_name="", name="")  # type: ignore[arg-type]
    return Pipeline(pair, source, Metrics())


def copies_of(numbers: Iterator[int]) -> Iterator[Copies]:
    for number in numbers:
        yield [make_record(f"f{number}", revision=number)]


def test_a_batch_that_is_stored_early_waits_for_the_one_before() -> None:
    target = Target()
    target.waits = {1: threading.Event()}
    source = Numbers(copies_of(iter([1, 2])))
    pipeline = pipeline_of(target, source)

    def late() -> None:
        while target.taken != [2]:
            threading.Event().wait(0.001)
        assert source.passed_ones == []
        target.waits[1].set()

    other = threading.Thread(target=late)
    other.start()
    assert [pipeline.step(), pipeline.step(), pipeline.step()] == [1, 1, None]
    assert source.passed_ones == [1, 2]
    assert target.taken == [2, 1]
    other.join()


def test_a_batch_waits_for_those_under_way_that_have_a_file_in_common_with_it() -> None:
    target = Target()
    target.waits = {1: threading.Event()}
    # The second has none in common, the third has one with the first.
    copies = [[make_record("a", revision=1)], [make_record("b", revision=2)], [make_record("a", revision=3)]]
    source = Numbers(iter(copies))
    pipeline = pipeline_of(target, source)

    def late() -> None:
        while 2 not in target.taken:
            threading.Event().wait(0.001)
        # Whoever took the second is free for the third.
        threading.Event().wait(0.05)
        target.waits[1].set()

    other = threading.Thread(target=late)
    other.start()
    assert [pipeline.step() for _ in range(4)] == [1, 1, 1, None]
    assert source.passed_ones == [1, 2, 3]
    assert target.taken == [2, 1, 3]
    other.join()


def test_only_a_few_batches_are_read_ahead() -> None:
    target = Target()
    target.waits = {2: threading.Event(), 3: threading.Event()}
    source = Numbers(copies_of(iter(range(1, 1_000))))
    pipeline = pipeline_of(target, source)
    assert pipeline.step() == 1
    assert source.passed_ones == [1]
    target.waits[3].set()
    while 4 not in target.taken:
        threading.Event().wait(0.001)
    # The second is waited for, and two behind it were written meanwhile.
    assert source.read_ones == [1, 2, 3, 4]
    target.waits[2].set()
    pipeline.drop()


def test_a_failed_write_is_raised_in_its_turn_and_nothing_behind_it_passes() -> None:
    target = Target()
    target.broken = {2}
    source = Numbers(copies_of(iter(range(1, 100))))
    pipeline = pipeline_of(target, source)
    assert pipeline.step() == 1
    with pytest.raises(StorageUnavailable):
        pipeline.step()
    assert source.passed_ones == [1]
    assert pipeline.position is None
    pipeline.drop()


def test_a_failed_read_is_raised_when_the_batches_before_it_have_passed() -> None:
    def broken() -> Iterator[Copies]:
        yield from copies_of(iter([1, 2]))
        raise StorageUnavailable("away")

    source = Numbers(broken())
    pipeline = pipeline_of(Target(), source)
    assert [pipeline.step(), pipeline.step()] == [1, 1]
    with pytest.raises(StorageUnavailable):
        pipeline.step()
    assert source.passed_ones == [1, 2]


def test_batches_pass_in_order_and_leave_no_thread_behind() -> None:
    source = Numbers(copies_of(iter(range(1, 21))))
    pipeline = pipeline_of(Target(), source)
    while pipeline.step():
        pass
    assert source.passed_ones == list(range(1, 21))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("copying")]


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
    copied = [change.file_id for change in file_changes(pair.source, after="", limit=100)]
    passed = [change.file_id for change in file_changes(pair.source, after=places[-1], limit=100)]
    assert all(pair.target.get(file_id) for file_id in copied[: len(copied) - len(passed)])
    assert pair.source.checkpoint(pair.consumer) == places[-1]
    catch_up(syncer)
    assert [pair.target.get(file_id).file_id for file_id in copied] == copied
    pair.close()
