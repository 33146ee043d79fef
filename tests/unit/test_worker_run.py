"""The whole worker, in its threads."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from files_service.core import Core
from files_service.runtime.backoff import delay_after
from files_service.services.hooks import ProcessingHook, ReadPart
from files_service.worker import loop as looping
from files_service.worker.loop import Loop
from files_service.worker.run import Worker
from storage_adapters import FileRecord, StorageUnavailable
from tests.cores import announced, call, pending_file, processed_file, put_parts, uploaded_file
from tests.publishers import Collector
from tests.waiting import wait_until

DEADLINE = 120
until = partial(wait_until, seconds=DEADLINE)


def status(core: Core, record: Mapping[str, Any]) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


@pytest.fixture
def publisher() -> Collector:
    return Collector()


@pytest.fixture
def worker(core: Core, publisher: Collector) -> Iterator[Worker]:
    running = Worker(core, publisher)
    running.start()
    yield running
    assert running.stop(DEADLINE)


class Gate(ProcessingHook):
    """Holds up processing until it is opened, reading all the while or not."""

    def __init__(self, *, reading: bool) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self._reading = reading

    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        self.entered.set()
        if self._reading:
            while not self.open.is_set():
                list(read(record.parts[0]))
        else:
            self.open.wait(DEADLINE)
        return {}


def test_a_file_turns_processed_by_itself_and_everybody_hears_of_it(
    core: Core, worker: Worker, publisher: Collector
) -> None:
    record = uploaded_file(core)
    until(lambda: status(core, record) == "processed")
    until(lambda: publisher.names == ["created", "uploaded", "processed"])
    assert worker.alive()
    assert worker.failing() == []


def test_bytes_of_a_removed_file_go_soon(core: Core, worker: Worker) -> None:
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"])

    def is_gone() -> bool:
        try:
            put_parts(core, record, [b"again"])
        except Exception:
            return False
        return True

    until(is_gone)


def test_a_worker_outlives_a_store_that_fails_and_says_so_once(
    core: Core, worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=looping.__name__)

    def away(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "changes", away)
        patch.setattr(core.metadata, "find", away)
        until(lambda: all(loop.failures >= 3 for loop in worker.loops if loop.name in ("relay", "processing")))
        assert set(worker.failing()) >= {"relay", "processing"}
        assert worker.alive()
    record = uploaded_file(core)
    until(lambda: status(core, record) == "processed")
    until(lambda: worker.failing() == [])
    said = [(each.message, vars(each)["loop"]) for each in caplog.records if vars(each).get("loop") == "relay"]
    assert said == [("loop fails", "relay"), ("loop works again", "relay")]


def test_a_file_being_read_is_given_back_when_the_worker_stops(core: Core, publisher: Collector) -> None:
    gate = Gate(reading=True)
    core = replace(core, hooks=(gate,))
    record = uploaded_file(core)
    worker = Worker(core, publisher)
    worker.start()
    assert gate.entered.wait(DEADLINE)
    assert worker.stop(DEADLINE)
    info = call(core, "files.info", file_id=record["file_id"])
    assert (info["status"], info["lease"], info["error"]) == ("uploaded", None, None)
    assert announced(core, record["file_id"]) == ["created", "uploaded"]


def test_a_file_that_cannot_be_given_back_is_finished_in_the_time_there_is(core: Core, publisher: Collector) -> None:
    gate = Gate(reading=False)
    core = replace(core, hooks=(gate,))
    record = uploaded_file(core)
    worker = Worker(core, publisher)
    worker.start()
    assert gate.entered.wait(DEADLINE)
    assert not worker.stop(0.05)
    gate.open.set()
    assert worker.stop(DEADLINE)
    assert status(core, record) == "processed"


def test_a_stopped_worker_leaves_its_rights_to_the_next(core: Core, publisher: Collector) -> None:
    for _ in range(3):
        record = uploaded_file(core)
        worker = Worker(core, publisher)
        worker.start()
        until(lambda record=record: status(core, record) == "processed")  # type: ignore[misc]
        until(lambda: publisher.names.count("processed") == announced(core).count("processed"))
        assert worker.stop(DEADLINE)
        assert not worker.alive()


def test_a_worker_that_was_never_started_can_be_stopped(core: Core, publisher: Collector) -> None:
    worker = Worker(core, publisher)
    assert worker.stop(0)
    assert not worker.alive()


def test_a_worker_stops_though_the_store_is_away(
    core: Core, publisher: Collector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(core, publisher)
    worker.start()
    pending_file(core)
    until(lambda: publisher.names == ["created"])

    def away(*args: Any, **kwargs: Any) -> Any:
        raise StorageUnavailable("away")

    monkeypatch.setattr(core.metadata, "release_lease", away)
    assert worker.stop(DEADLINE)
    assert "lease not released" in caplog.text


def test_two_workers_share_the_work(core: Core) -> None:
    publishers = [Collector(), Collector()]
    workers = [Worker(core, publisher) for publisher in publishers]
    for worker in workers:
        worker.start()
    records = [uploaded_file(core) for _ in range(20)]
    until(lambda: all(status(core, record) == "processed" for record in records))
    until(lambda: sum(len(publisher.events) for publisher in publishers) == 60)
    for worker in workers:
        assert worker.stop(DEADLINE)
    assert announced(core).count("processed") == 20
    assert sorted(len(publisher.events) for publisher in publishers) == [0, 60]


def test_a_loop_waits_longer_from_failure_to_failure_up_to_a_limit() -> None:
    first, longest = looping.FIRST_DELAY_SECONDS, looping.LONGEST_DELAY_SECONDS
    waits = [delay_after(failures, first=first, longest=longest) for failures in range(1, 40)]
    assert all(0 < wait <= looping.LONGEST_DELAY_SECONDS for wait in waits)
    assert waits[0] <= 2 * looping.FIRST_DELAY_SECONDS
    assert waits[-1] >= looping.LONGEST_DELAY_SECONDS / 2


def test_a_loop_that_fails_waits_whoever_wakes_it() -> None:
    """As a relay does that announces uploads during an outage of the blob store."""
    waits: list[float | None] = []

    class Stopping(threading.Event):
        """Is waited for in no time, and set after some waits."""

        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            if len(waits) == 8:
                self.set()
            return self.is_set()

    def fail() -> float:
        loop.wake()
        raise StorageUnavailable("away")

    loop = Loop("test", fail, Stopping())
    loop.start()
    assert loop.join(DEADLINE)
    assert len(waits) == 8
    assert waits[-1] is not None
    assert waits[-1] >= looping.LONGEST_DELAY_SECONDS / 2


def test_a_loop_that_is_woken_while_it_works_goes_round_once_more() -> None:
    stopping, runs = threading.Event(), []

    def step() -> float:
        runs.append(1)
        if len(runs) == 1:
            loop.wake()
        return 3_600

    loop = Loop("test", step, stopping)
    loop.start()
    until(lambda: len(runs) == 2)
    stopping.set()
    assert loop.join(DEADLINE)
    assert len(runs) == 2
