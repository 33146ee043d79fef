"""Leases of files in work: of workers that vanish, and of clocks that are wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.services.files import change
from files_service.services.processing import Keepalive, take
from files_service.worker.processor import Processor
from storage_adapters import StorageUnavailable
from tests.clocks import Clock
from tests.cores import announced, call, uploaded_file
from tests.unit.processing.working import Obstinate, hooked, status, work


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


def test_a_busy_file_is_left_to_the_other_worker(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    processor = Processor(core)
    processor.step()
    change(core, record["file_id"], lambda found: take(found, "other", core, force=False))
    assert processor.work()
    assert status(core, record) == "processing"
    assert processor.in_flight == 0


def test_a_short_outage_of_the_store_does_not_end_the_reading_of_a_file(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = uploaded_file(core)["file_id"]
    taken = change(core, file_id, lambda found: take(found, "mine", core, force=False))
    keepalive = Keepalive(core, taken, "mine", lambda: False)

    def fail(*_: object, **__: object) -> None:
        raise StorageUnavailable("starts again")

    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "save", fail)
        clock.pass_seconds(31)
        keepalive()
    clock.pass_seconds(4)
    keepalive()
    lease = core.metadata.get(file_id).lease
    assert lease is not None
    assert lease.until == clock.now + 60_000
    monkeypatch.setattr(core.metadata, "save", fail)
    for _ in range(54):
        clock.pass_seconds(1)
        keepalive()
    clock.pass_seconds(5)
    with pytest.raises(StorageUnavailable):
        keepalive()
    assert lease.until > clock.now
