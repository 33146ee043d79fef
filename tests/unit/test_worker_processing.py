"""The processor: finds what waits, in a fair order, and knows when to leave a file alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.runtime.backoff import Backoff
from files_service.runtime.fair_queue import FairQueue
from files_service.services.files import change
from files_service.services.hooks import ProcessingHook, ReadPart, Rejected
from files_service.services.processing import take
from files_service.worker import processor as processing
from files_service.worker.processor import Processor
from storage_adapters import FileRecord, StorageUnavailable
from tests.clocks import Clock
from tests.cores import announced, call, memory_core, pending_file, processed_file, uploaded_file, writes


class Obstinate(ProcessingHook):
    """Fails the first so many times."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.calls = failures, error, 0

    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return {"looked_at": self.calls}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, max_attempts=3, lease_seconds=60)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def work(processor: Processor) -> None:
    """One look, and all that it found."""
    processor.step()
    while processor.work():
        pass


def status(core: Core, record: Mapping[str, Any]) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def hooked(core: Core, hook: ProcessingHook) -> Core:
    return replace(core, hooks=(hook,))


def test_uploaded_files_are_processed_and_pending_ones_left_alone(core: Core) -> None:
    uploaded, pending = uploaded_file(core), pending_file(core)
    processor = Processor(core)
    work(processor)
    assert (status(core, uploaded), status(core, pending)) == ("processed", "pending")
    assert processor.totals == {"processed": 1}


def test_the_oldest_upload_comes_first_and_the_queue_is_bounded(core: Core, clock: Clock) -> None:
    records = []
    for _ in range(10):
        records.append(uploaded_file(core))
        clock.pass_seconds(1)
    processor = Processor(core, threads=2)
    processor.step()
    processor.step()
    assert processor.in_flight == 4
    while processor.work():
        pass
    assert [status(core, record) for record in records] == ["processed"] * 4 + ["uploaded"] * 6
    for _ in range(2):
        work(processor)
    assert {status(core, record) for record in records} == {"processed"}


def test_one_owners_many_files_leave_places_to_other_owners(core: Core, clock: Clock) -> None:
    for _ in range(130):
        uploaded_file(core, owner="many")
    clock.pass_seconds(1)
    few = uploaded_file(core, owner="few")
    processor = Processor(core, threads=2)
    for _ in range(4):
        processor.step()
    assert processor.in_flight == 5, "four of the first owner, and the file behind 130 others"
    processor.work()
    processor.work()
    assert status(core, few) == "processed"


def test_an_owner_has_no_more_in_work_than_its_share() -> None:
    queue: FairQueue[int] = FairQueue(2)
    for number in range(5):
        queue.put("many", number)
    assert [queue.take() for _ in range(3)] == [("many", 0), ("many", 1), None]
    queue.put("few", 9)
    assert queue.take() == ("few", 9)
    queue.done("many")
    assert queue.take() == ("many", 2)


def test_a_file_that_is_queued_is_not_queued_again(core: Core) -> None:
    uploaded_file(core)
    processor = Processor(core)
    processor.step()
    processor.step()
    assert processor.in_flight == 1
    assert processor.work()
    assert not processor.work()


def test_somebody_is_told_of_each_file_that_is_queued(core: Core) -> None:
    told = []
    for _ in range(3):
        uploaded_file(core)
    Processor(core, on_work=lambda: told.append(1)).step()
    assert len(told) == 3


def test_a_file_whose_worker_vanished_is_taken_when_the_lease_is_over(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    change(core, record["file_id"], lambda found: take(found, "dead", core, force=False))
    processor = Processor(core)
    clock.pass_seconds(59)
    work(processor)
    assert status(core, record) == "processing"
    clock.pass_seconds(1)
    work(processor)
    assert status(core, record) == "processed"
    assert announced(core, record["file_id"]).count("processed") == 1


def test_a_file_whose_worker_died_with_its_clock_ahead_is_taken_one_lease_later(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    ahead = replace(core, clock=Clock(now=clock.now + 10**10))
    change(core, record["file_id"], lambda found: take(found, "dead", ahead, force=False))
    processor = Processor(core)
    work(processor)
    clock.pass_seconds(59)
    work(processor)
    assert status(core, record) == "processing"
    clock.pass_seconds(1)
    work(processor)
    assert status(core, record) == "processed"


def test_files_sync_bounds_the_lease_of_a_worker_whose_clock_was_ahead(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    ahead = replace(core, clock=Clock(now=clock.now + 10**10))
    change(core, record["file_id"], lambda found: take(found, "dead", ahead, force=False))
    assert call(core, "files.sync", older_than_seconds=0)["requeued"] == []
    clock.pass_seconds(60)
    assert call(core, "files.sync", older_than_seconds=0)["requeued"] == [record["file_id"]]


def test_a_pause_ends_on_time_when_the_clock_is_set_back(core: Core, clock: Clock) -> None:
    timer = Clock(now=0)
    hook = Obstinate(1, StorageUnavailable("out of order"))
    record = uploaded_file(core)
    processor = Processor(replace(hooked(core, hook), timer=timer))
    work(processor)
    clock.pass_seconds(-(10**6))
    timer.pass_seconds(120)
    work(processor)
    assert status(core, record) == "processed"


def test_a_file_over_which_every_worker_vanishes_is_given_up(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    for _ in range(core.settings.max_attempts):
        change(core, record["file_id"], lambda found: take(found, "dead", core, force=False))
        clock.pass_seconds(60)
    work(Processor(core))
    info = call(core, "files.info", file_id=record["file_id"])
    assert (info["status"], info["error"]["code"]) == ("failed", "too_many_attempts")
    assert info["error"]["attempts"] == core.settings.max_attempts
    assert announced(core, record["file_id"]).count("failed") == 1


def test_a_failed_file_is_tried_again_after_a_time_that_grows(core: Core, clock: Clock) -> None:
    hook = Obstinate(2, RuntimeError("not today"))
    core = hooked(core, hook)
    record = uploaded_file(core)
    processor = Processor(core)
    work(processor)
    assert (status(core, record), hook.calls) == ("failed", 1)
    clock.pass_seconds(7)
    work(processor)
    assert hook.calls == 1
    clock.pass_seconds(3)
    work(processor)
    assert hook.calls == 2
    clock.pass_seconds(29)
    work(processor)
    assert hook.calls == 2
    clock.pass_seconds(11)
    work(processor)
    assert (status(core, record), hook.calls) == ("processed", 3)


def test_a_failed_file_is_not_tried_more_often_than_it_may(core: Core, clock: Clock) -> None:
    hook = Obstinate(99, RuntimeError("never"))
    core = hooked(core, hook)
    record = uploaded_file(core)
    processor = Processor(core)
    for _ in range(20):
        work(processor)
        clock.pass_seconds(600)
    assert (status(core, record), hook.calls) == ("failed", core.settings.max_attempts)
    assert announced(core, record["file_id"]).count("failed") == core.settings.max_attempts


def test_a_failed_file_is_found_again_after_a_restart(core: Core, clock: Clock) -> None:
    hook = Obstinate(1, RuntimeError("once"))
    core = hooked(core, hook)
    record = uploaded_file(core)
    work(Processor(core))
    restarted = Processor(core)
    work(restarted)
    assert status(core, record) == "failed"
    clock.pass_seconds(10)
    work(restarted)
    assert status(core, record) == "processed"


@pytest.mark.parametrize("error", [Rejected("virus", "no"), Rejected("part_mismatch", "no")])
def test_a_certain_failure_is_not_tried_again(core: Core, clock: Clock, error: Exception) -> None:
    hook = Obstinate(99, error)
    core = hooked(core, hook)
    uploaded_file(core)
    processor = Processor(core)
    for _ in range(5):
        work(processor)
        clock.pass_seconds(600)
    assert hook.calls == 1


def test_a_retry_that_somebody_else_made_is_not_made_again(core: Core, clock: Clock) -> None:
    hook = Obstinate(1, RuntimeError("once"))
    core = hooked(core, hook)
    record = uploaded_file(core)
    processor = Processor(core)
    work(processor)
    call(core, "files.process", file_id=record["file_id"])
    clock.pass_seconds(10)
    before = writes(core)
    work(processor)
    assert (hook.calls, writes(core)) == (2, before)


def test_a_file_removed_while_it_waits_is_forgotten(core: Core) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    processor.step()
    call(core, "files.remove", file_id=record["file_id"])
    assert processor.work()
    assert (processor.in_flight, processor.totals) == (0, {})


def test_a_blob_store_that_is_away_costs_no_attempt_and_is_not_hammered(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    calls = []

    def away(key: str) -> None:
        calls.append(key)
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "head", away)
        for _ in range(100):
            work(processor)
            clock.pass_seconds(0.2)
        info = call(core, "files.info", file_id=record["file_id"])
        assert (info["status"], info["error"]) == ("uploaded", None)
        assert 2 <= len(calls) <= 8
    clock.pass_seconds(60)
    work(processor)
    assert status(core, record) == "processed"
    assert announced(core, record["file_id"]) == ["created", "uploaded", "processed"]


def test_files_that_cannot_be_processed_do_not_stand_in_the_way(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processing, "PAGE", 2)
    monkeypatch.setattr(processing, "MAX_PAGES", 2)
    bad = [uploaded_file(core) for _ in range(8)]
    clock.pass_seconds(1)
    good = uploaded_file(core)
    head, keys = core.blobs.head, {part["key"] for record in bad for part in record["parts"]}

    def damaged(key: str) -> Any:
        if key in keys:
            raise StorageUnavailable("its description is damaged")
        return head(key)

    monkeypatch.setattr(core.blobs, "head", damaged)
    processor = Processor(core)
    for _ in range(40):
        work(processor)
        clock.pass_seconds(1)
    assert status(core, good) == "processed"
    assert {status(core, record) for record in bad} == {"uploaded"}


def test_a_busy_file_is_left_to_the_other_worker(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    processor.step()
    change(core, record["file_id"], lambda found: take(found, "other", core, force=False))
    assert processor.work()
    assert status(core, record) == "processing"
    assert processor.in_flight == 0


def test_our_own_failure_is_logged_and_the_file_tried_later(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    with monkeypatch.context() as patch:
        patch.setattr(processing, "run_processing", lambda *args, **kwargs: 1 / 0)
        work(processor)
        work(processor)
    assert [each.message for each in caplog.records] == ["processing failed with an internal error"]
    clock.pass_seconds(1)
    work(processor)
    assert status(core, record) == "processed"


def test_a_stopping_processor_takes_nothing_up(core: Core) -> None:
    record = uploaded_file(core)
    processor = Processor(core, stopped=lambda: True)
    work(processor)
    assert status(core, record) == "uploaded"


def test_a_file_processed_by_call_is_no_work(core: Core) -> None:
    processed_file(core)
    before = writes(core)
    work(Processor(core))
    assert writes(core) == before


def test_the_memory_of_rests_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("files_service.runtime.backoff.MAX_ENTRIES", 3)
    rests = Backoff(first_ms=100, factor=2, longest_ms=1_000)
    for number in range(5):
        rests.begin(f"f{number}", 1, now=0)
    assert [rests.is_over(f"f{number}", now=0) for number in range(5)] == [True, True, False, False, False]


def test_rests_grow_up_to_a_limit() -> None:
    rests = Backoff(first_ms=100, factor=2, longest_ms=1_000)
    for tries, length in ((0, 100), (1, 100), (2, 200), (3, 400), (5, 1_000), (1_000_000, 1_000)):
        rests.begin("f", tries, now=0)
        assert not rests.is_over("f", now=length * 3 // 4 - 1)
        assert rests.is_over("f", now=length)
        assert rests.due(now=length) == ["f"]
