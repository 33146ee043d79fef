"""Failures: tried again after a time that grows, and not more often than is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from files_service.core import Core
from files_service.runtime.backoff import Backoff
from files_service.services.hooks import Rejected
from files_service.worker import processor as processing
from files_service.worker.processor import Processor
from files_service.worker.retries import Retries
from storage_adapters import Failure, FileRecord, FileStatus, StorageUnavailable
from tests.clocks import Clock
from tests.contract.metadata_scenes import make_record
from tests.cores import announced, call, uploaded_file, writes
from tests.unit.processing.working import Obstinate, hooked, status, work


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


def test_more_failed_files_than_are_remembered_are_all_tried_again(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("files_service.worker.retries.MAX_PLANNED", "files_service.runtime.backoff.MAX_ENTRIES"):
        monkeypatch.setattr(name, 4)
    hook = Obstinate(999, RuntimeError("never"))
    core = hooked(core, hook)
    records = [uploaded_file(core) for _ in range(12)]
    processor = Processor(core)
    for _ in range(600):
        work(processor)
        clock.pass_seconds(1)
    assert hook.calls == len(records) * core.settings.max_attempts


def test_many_due_retries_of_one_owner_leave_room_for_those_of_another(core: Core, clock: Clock) -> None:
    hook = Obstinate(999, RuntimeError("never"))
    core = hooked(core, hook)
    processor = Processor(core, threads=1)
    for owner in ["ann"] * 40 + ["bob"]:
        uploaded_file(core, owner=owner)
        work(processor)
    assert hook.calls == 41
    clock.pass_seconds(10)
    processor.step()
    owners = []
    while processor.work():
        owners.append(hook.owners[-1])
    assert sorted(owners) == ["ann", "ann", "bob"]


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


@pytest.mark.parametrize("is_outage", [True, False])
def test_the_others_wait_in_an_outage_and_not_for_one_file(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, is_outage: bool
) -> None:
    bad = uploaded_file(core)

    def fail(*_: object) -> None:
        raise StorageUnavailable("it cannot be read")

    processor = Processor(core)
    with monkeypatch.context() as patch:
        for method in ("head", "ping") if is_outage else ("head",):
            patch.setattr(core.blobs, method, fail)
        work(processor)
    good = uploaded_file(core)
    work(processor)
    assert status(core, good) == ("uploaded" if is_outage else "processed")
    clock.pass_seconds(60)
    work(processor)
    assert [status(core, each) for each in (good, bad)] == ["processed", "processed"]


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


def test_the_memory_of_rests_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("files_service.runtime.backoff.MAX_ENTRIES", 3)
    rests = Backoff(first_ms=100, factor=2, longest_ms=1_000)
    for number in range(5):
        rests.begin(f"f{number}", 1, now=0)
    assert [rests.is_over(f"f{number}", now=0) for number in range(5)] == [True, True, False, False, False]
    rests.begin("f4", 2, now=0)
    assert [rests.is_over(f"f{number}", now=0) for number in range(5)] == [True, True, False, False, False]


def test_owners_have_their_turn_although_more_of_them_are_due_than_are_asked_for() -> None:
    retries = Retries()
    for number in range(12):
        retries.plan(failed(f"f{number}", owner=f"o{number % 6}"), now=0)
    retries.plan(failed("full", owner="full"), now=0)
    now = 10_000
    assert retries.due(lambda owner: owner == "o0", now=now, limit=3) == [("o0", "f0"), ("o0", "f6")]
    found = [owner for _ in range(2) for owner, _ in retries.due(lambda owner: owner != "full", now=now, limit=3)]
    assert sorted(found) == [f"o{number}" for number in range(6)]
    retries.forget("f0")
    assert ("o0", "f0") not in retries.due(lambda owner: True, now=now, limit=99)


def failed(file_id: str, owner: str) -> FileRecord:
    failure = Failure(code="internal", message="no", attempts=1)
    return make_record(file_id, owner=owner, status=FileStatus.FAILED, error=failure)


def test_rests_grow_up_to_a_limit() -> None:
    rests = Backoff(first_ms=100, factor=2, longest_ms=1_000)
    for tries, length in ((0, 100), (1, 100), (2, 200), (3, 400), (5, 1_000), (1_000_000, 1_000)):
        rests.begin("f", tries, now=0)
        assert not rests.is_over("f", now=length * 3 // 4 - 1)
        assert rests.is_over("f", now=length)
        assert rests.due(now=length) == ["f"]
