"""files.process, and who may process when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import (
    Busy,
    Forbidden,
    NotFound,
    ServiceUnavailable,
    StorageUnavailable,
    TooManyAttempts,
    WrongStatus,
)
from files_service.services.files import change
from files_service.services.hooks import ReadPart
from files_service.services.processing import run_processing, take
from storage_adapters import JSON, FileRecord, FileStatus
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.clocks import Clock
from tests.cores import (
    announced,
    at_once,
    attempt,
    call,
    meanwhile,
    memory_core,
    pending_file,
    processed_file,
    refusal,
    uploaded_file,
    writes,
)
from tests.unit.hooks import failing, hooked

LEASE = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, lease_seconds=LEASE, max_attempts=2)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def process(core: Core, record: JSON, **params: Any) -> JSON:
    return call(core, "files.process", file_id=record["file_id"], **params)


def taken_by_another(core: Core, record: JSON) -> None:
    change(core, record["file_id"], lambda found: take(found, "another", core, force=False))


def failed_file(core: Core, times: int = 1) -> JSON:
    """A file that failed so often."""
    record = uploaded_file(core)
    for _ in range(times):
        record = process(hooked(core, failing(RuntimeError("no"))), record)
    return record


def info(core: Core, record: JSON) -> JSON:
    return call(core, "files.info", file_id=record["file_id"])


def test_an_uploaded_file_is_processed(core: Core, clock: Clock) -> None:
    record = process(core, uploaded_file(core))
    assert (record["status"], record["processed_at"]) == ("processed", clock())
    assert (record["lease"], record["error"]) == (None, None)
    assert announced(core, record["file_id"]) == ["created", "uploaded", "processed"]


def test_repeating_the_call_gives_the_same_answer_and_writes_nothing(core: Core) -> None:
    record = processed_file(core)
    before = writes(core)
    assert process(core, record) == record
    assert writes(core) == before


def test_force_processes_again_and_keeps_the_first_time(core: Core, clock: Clock) -> None:
    record = processed_file(core)
    clock.pass_seconds(5)
    again = process(core, record, force=True)
    assert again["processed_at"] == record["processed_at"]
    assert announced(core, record["file_id"]) == ["created", "uploaded", "processed", "processed"]


def test_a_pending_file_is_not_processed(core: Core) -> None:
    error = refusal(core, "files.process", file_id=pending_file(core)["file_id"])
    assert isinstance(error, WrongStatus)
    assert error.details == {"status": "pending"}


def test_only_the_owner_may_have_a_file_processed(core: Core) -> None:
    record = uploaded_file(core, access="public")
    assert isinstance(refusal(core, "files.process", file_id=record["file_id"], actor="bob"), Forbidden)
    assert process(core, record, actor="ann")["status"] == "processed"


def test_a_file_that_another_worker_has_is_busy(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    taken_by_another(core, record)
    clock.pass_seconds(LEASE - 0.001)
    for force in (False, True):
        assert isinstance(refusal(core, "files.process", file_id=record["file_id"], force=force), Busy)


def test_a_file_whose_worker_vanished_is_taken_over_and_the_attempt_counted(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    taken_by_another(core, record)
    clock.pass_seconds(LEASE)
    seen = []

    def look(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        seen.append(found.error)
        return {}

    process(hooked(core, look), record)
    assert [error and (error.code, error.attempts) for error in seen] == [("lease_expired", 1)]
    assert info(core, record)["error"] is None
    assert announced(core, record["file_id"]).count("processed") == 1


def test_a_file_over_which_the_last_worker_vanished_has_failed(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    for _ in range(2):
        taken_by_another(core, record)
        clock.pass_seconds(LEASE)
    after = process(core, record)
    assert (after["status"], after["error"]["code"], after["error"]["attempts"]) == ("failed", "too_many_attempts", 2)
    assert announced(core, record["file_id"]) == ["created", "uploaded", "failed"]
    assert process(core, record, force=True)["status"] == "processed"


def test_force_takes_over_where_the_last_worker_vanished(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    for _ in range(2):
        taken_by_another(core, record)
        clock.pass_seconds(LEASE)
    assert process(core, record, force=True)["status"] == "processed"


def test_a_file_with_more_attempts_than_are_allowed_now_is_given_up(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    taken_by_another(core, record)
    clock.pass_seconds(LEASE)
    call(core, "files.sync")
    stricter = replace(core, settings=replace(core.settings, max_attempts=1))
    assert process(stricter, record)["error"]["code"] == "too_many_attempts"


def test_a_failed_file_may_be_tried_again_as_often_as_is_allowed(core: Core) -> None:
    record = failed_file(core)
    assert (record["status"], record["error"]["attempts"]) == ("failed", 1)
    assert process(core, record)["status"] == "processed"


def test_a_file_that_failed_too_often_is_tried_only_by_force(core: Core) -> None:
    record = failed_file(core, times=2)
    error = refusal(core, "files.process", file_id=record["file_id"])
    assert isinstance(error, TooManyAttempts)
    assert error.details == {"attempts": 2}
    assert process(hooked(core, failing(RuntimeError("no"))), record, force=True)["error"]["attempts"] == 3
    assert process(core, record, force=True)["status"] == "processed"


def test_of_many_at_once_one_processes_and_it_is_announced_once(core: Core) -> None:
    record = uploaded_file(core)
    answers = at_once(8, lambda _: attempt(core, "files.process", file_id=record["file_id"]))
    refused = (Busy, ServiceUnavailable)
    assert all(isinstance(answer, refused) or answer["status"] == "processed" for answer in answers)  # type: ignore[index]
    assert info(core, record)["status"] == "processed"
    assert announced(core, record["file_id"]).count("processed") == 1


def test_a_blob_store_that_goes_away_costs_no_attempt(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded_file(core)

    def away(key: str) -> None:
        raise StoreIsAway("away")

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "head", away)
        assert isinstance(refusal(core, "files.process", file_id=record["file_id"]), StorageUnavailable)
    after = info(core, record)
    assert (after["status"], after["error"], after["lease"]) == ("uploaded", None, None)
    assert announced(core, record["file_id"]) == ["created", "uploaded"]


def test_a_break_down_of_ours_is_a_failure_that_can_be_tried_again(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = uploaded_file(core)
    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "head", lambda key: 1 / 0)
        after = process(core, record)
    assert (after["status"], after["error"]["code"]) == ("failed", "internal_error")
    assert "processing failed" in caplog.text
    assert process(core, record)["status"] == "processed"


def test_a_file_that_is_removed_meanwhile_is_gone(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = uploaded_file(core)
    meanwhile(monkeypatch, core.blobs, "head", lambda: call(core, "files.remove", file_id=record["file_id"]))
    assert isinstance(refusal(core, "files.process", file_id=record["file_id"]), NotFound)
    assert announced(core, record["file_id"]) == ["created", "uploaded", "removed"]


def test_an_edit_made_meanwhile_is_kept(core: Core) -> None:
    def edit(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        changes = {"name": "new", "content_type": "text/csv", "meta": {"mine": 1}}
        call(core, "files.update", file_id=found.file_id, changes=changes)
        return {"found": 2}

    after = process(hooked(core, edit), uploaded_file(core))
    assert (after["status"], after["name"], after["content_type"]) == ("processed", "new", "text/csv")
    assert after["meta"] == {"mine": 1, "found": 2}


def step(seconds: float, clock: Clock, times: int) -> Callable[[FileRecord, ReadPart], Mapping[str, Any]]:
    """A hook that reads the file so often, and takes so long each time."""

    def look(record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        for _ in range(times):
            clock.pass_seconds(seconds)
            list(read(record.parts[0]))
        return {}

    return look


def test_reading_keeps_the_lease_alive(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    before = writes(core)
    assert process(hooked(core, step(LEASE * 0.6, clock, 10)), record)["status"] == "processed"
    assert writes(core) == before + 12
    assert announced(core, record["file_id"]) == ["created", "uploaded", "processed"]


def test_reading_quickly_does_not_write_again_and_again(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)
    before = writes(core)
    process(hooked(core, step(LEASE / 1_000, clock, 100)), record)
    assert writes(core) == before + 2


def test_a_worker_that_slept_while_another_took_over_changes_nothing(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)

    def sleep(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        clock.pass_seconds(LEASE)
        call(core, "files.process", file_id=found.file_id)
        return {"mine": True}

    assert isinstance(refusal(hooked(core, sleep), "files.process", file_id=record["file_id"]), Busy)
    after = info(core, record)
    assert (after["status"], after["meta"]) == ("processed", {})
    assert announced(core, record["file_id"]).count("processed") == 1


def test_a_worker_that_slept_notices_at_its_next_read(core: Core, clock: Clock) -> None:
    record = uploaded_file(core)

    def sleep(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        clock.pass_seconds(LEASE)
        taken_by_another(core, record)
        list(read(found.parts[0]))
        raise AssertionError("it read on without a lease")

    assert isinstance(refusal(hooked(core, sleep), "files.process", file_id=record["file_id"]), Busy)
    assert info(core, record)["status"] == "processing"


def test_a_worker_that_is_to_stop_gives_the_file_back(core: Core) -> None:
    record = uploaded_file(core, b"one", b"two")
    reads: list[int] = []

    def look(found: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        for part in found.parts:
            reads.append(len(list(read(part))))
        return {}

    stored = core.metadata.get(record["file_id"])
    given_back = run_processing(hooked(core, look), stored, force=False, abandoned=lambda: len(reads) == 1)
    assert (given_back.status, given_back.lease, given_back.error) == (FileStatus.UPLOADED, None, None)
    assert reads == [1]
    assert announced(core, record["file_id"]) == ["created", "uploaded"]


def test_what_was_to_follow_is_done_with_the_success_in_one_write(core: Core) -> None:
    update = {"alias": "after", "tags": ["Done"], "meta": {"k": 1}}
    record = uploaded_file(core, post_action={"update": update})
    before = writes(core)
    after = process(core, record)
    assert (after["alias"], after["tags"], after["meta"]) == ("after", ["done"], {"k": 1})
    assert writes(core) == before + 2
    assert announced(core, record["file_id"])[-1] == "processed"


def test_an_alias_that_is_taken_does_not_undo_the_success(core: Core) -> None:
    processed_file(core, alias="taken")
    after = process(core, uploaded_file(core, post_action={"update": {"alias": "taken", "name": "new"}}))
    assert (after["status"], after["alias"], after["name"]) == ("processed", None, "clip.bin")
    assert after["error"]["code"] == "post_action_failed"


def test_bytes_that_are_gone_fail_the_file_and_nothing_follows(core: Core) -> None:
    record = uploaded_file(core, post_action={"update": {"alias": "never"}})
    core.blobs.delete(record["parts"][0]["key"])
    after = process(core, record)
    assert (after["status"], after["error"]["code"], after["alias"]) == ("failed", "part_missing", None)
