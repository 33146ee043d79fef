"""files.finish."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.errors import BadRequest, Conflict, FilesError, Forbidden, Gone, NotFound, StorageUnavailable
from files_service.services.processing import take
from storage_adapters import JSON, FileStatus
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.cores import announced, at_once, attempt, call, memory_core, refusal, uploaded_file, writes
from tests.unit.arrivals import arrived, finish, notification


def test_parts_that_are_missing_are_a_result_and_no_error(core: Core) -> None:
    record = arrived(core, b"one", b"two", b"three")
    assert finish(core, record, 1) == {
        "file_id": record["file_id"],
        "status": "pending",
        "parts_received": 1,
        "parts_total": 3,
        "duplicate": False,
        "revision": 2,
        "change_token": f"{record['file_id']}:2",
    }
    assert finish(core, record, 0)["parts_received"] == 2
    last = finish(core, record, 2)
    assert (last["status"], last["parts_received"], last["revision"]) == ("uploaded", 3, 4)
    assert announced(core) == ["created", "uploaded"]


def test_a_notification_finds_its_file_by_the_key_alone(core: Core) -> None:
    record = arrived(core)
    answer = call(core, "files.finish", **notification(record))
    assert (answer["file_id"], answer["status"]) == (record["file_id"], "uploaded")


def test_a_received_part_is_described_as_it_is_stored(core: Core) -> None:
    record = arrived(core, b"content", parts=[{"size": 7}])
    finish(core, record)
    [part] = call(core, "files.info", file_id=record["file_id"])["parts"]
    stored = core.blobs.head(part["key"])
    assert (part["size"], part["generation"], part["sha256"]) == (7, stored.generation, stored.sha256)
    assert part["received_at"] > 0


def test_a_repeated_finish_is_a_duplicate_and_announces_nothing(core: Core) -> None:
    record = arrived(core)
    first, second = finish(core, record), finish(core, record)
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert {**first, "duplicate": True} == second
    assert announced(core) == ["created", "uploaded"]
    call(core, "files.process", file_id=record["file_id"])
    assert finish(core, record)["status"] == "processed"
    assert announced(core) == ["created", "uploaded", "processed"]


def test_one_part_finished_by_many_counts_once(core: Core) -> None:
    record = arrived(core, b"one", b"two")
    answers = at_once(12, lambda _: finish(core, record))
    assert [answer["duplicate"] for answer in answers].count(False) == 1
    assert {answer["parts_received"] for answer in answers} == {1}
    assert writes(core) == 2


def test_all_parts_finished_at_once_upload_the_file_exactly_once(core: Core) -> None:
    contents = [bytes([65 + index]) * (index + 1) for index in range(12)]
    record = arrived(core, *contents)
    answers = at_once(24, lambda index: finish(core, record, index % 12))
    assert [answer["duplicate"] for answer in answers].count(False) == 12
    assert max(answer["parts_received"] for answer in answers) == 12
    assert announced(core) == ["created", "uploaded"]
    stored = call(core, "files.info", file_id=record["file_id"])
    assert (stored["status"], stored["size"], stored["revision"]) == ("uploaded", sum(range(13)), 13)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"file_id": "0" * 26},
        {"part_id": "p0"},
        {"key": "k"},
        {"bucket": "b"},
        {"key": "k", "bucket": "b", "file_id": "0" * 26, "part_id": "p0"},
        {"key": "k", "part_id": "p0"},
    ],
)
def test_a_part_is_named_in_exactly_one_way(core: Core, params: JSON) -> None:
    error = refusal(core, "files.finish", **params)
    assert isinstance(error, BadRequest)
    assert set(error.details["fields"]) == {"key"}


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"size": -1}, "size"),
        ({"size": 2**53}, "size"),
        ({"md5": "x"}, "md5"),
        ({"crc32c": "0" * 9}, "crc32c"),
        ({"generation": ""}, "generation"),
        ({"generation": 7}, "generation"),
        ({"wait": 1}, "wait"),
        ({"skip_processing": "no"}, "skip_processing"),
    ],
)
def test_a_wrong_parameter_is_refused_by_its_path(core: Core, params: JSON, field: str) -> None:
    error = refusal(core, "files.finish", file_id="0" * 26, part_id="p0", **params)
    assert set(error.details["fields"]) == {field}


def test_a_key_of_nobody_is_not_found(core: Core) -> None:
    record = arrived(core)
    [segment, file_id, part_id] = record["parts"][0]["key"].split("/")
    bucket = record["parts"][0]["bucket"]
    foreign = [
        "x",
        "../../etc/passwd",
        f"{segment}/{'0' * 26}/{part_id}",
        f"{segment}/{file_id}/p1",
        f"{'0' * 32}/{file_id}/{part_id}",
    ]
    for key in foreign:
        assert isinstance(refusal(core, "files.finish", key=key, bucket=bucket), NotFound)
    assert isinstance(refusal(core, "files.finish", key=record["parts"][0]["key"], bucket="other"), NotFound)
    assert writes(core) == 1


def test_a_part_of_a_removed_file_is_gone(core: Core) -> None:
    record = arrived(core)
    call(core, "files.remove", file_id=record["file_id"])
    for params in ({"file_id": record["file_id"], "part_id": "p0"}, notification(record)):
        error = refusal(core, "files.finish", **params)
        assert (type(error), error.details) == (Gone, {"file_id": record["file_id"]})
    assert isinstance(refusal(core, "files.finish", **notification(record), actor="sam"), Forbidden)


def test_processing_may_be_skipped(core: Core) -> None:
    record = arrived(core, b"one", b"two")
    assert finish(core, record, 0, skip_processing=True)["status"] == "pending"
    assert finish(core, record, 1, skip_processing=True)["status"] == "processed"
    assert finish(core, record, 1, skip_processing=True)["status"] == "processed"
    assert announced(core) == ["created", "uploaded", "processed"]


def test_a_caller_may_wait_for_the_processed_file(core: Core) -> None:
    record = arrived(core, b"one", b"two")
    assert finish(core, record, 0, wait=True)["status"] == "pending"
    assert finish(core, record, 1, wait=True)["status"] == "processed"
    assert finish(core, record, 1, wait=True)["status"] == "processed"
    assert announced(core) == ["created", "uploaded", "processed"]


def test_many_callers_that_wait_all_get_the_processed_file(core: Core) -> None:
    record = arrived(core)
    answers = at_once(6, lambda _: finish(core, record, wait=True))
    assert {answer["status"] for answer in answers} == {"processed"}
    assert announced(core) == ["created", "uploaded", "processed"]


def held_by_another(core: Core) -> JSON:
    """An uploaded file that another worker has taken."""
    record = uploaded_file(core)
    stored = core.metadata.get(record["file_id"])
    taken = take(stored, "another", core, force=False)
    core.metadata.save(taken, expected_revision=stored.revision, changed_at=1, event=None)
    return record


def test_a_caller_that_waits_is_answered_when_the_time_is_over(tmp_path: Path) -> None:
    core = memory_core(tmp_path, rpc_timeout_seconds=1)
    assert finish(core, held_by_another(core), wait=True)["status"] == "processing"


def test_a_caller_waits_as_long_as_it_should_while_the_clock_is_set_back(tmp_path: Path) -> None:
    core = memory_core(tmp_path, rpc_timeout_seconds=1)
    record, times = held_by_another(core), iter(range(core.clock(), 0, -3_600_000))
    back = replace(core, clock=lambda: next(times))
    assert finish(back, record, wait=True)["status"] == "processing"


def test_a_caller_that_waits_does_not_hold_up_a_process_that_stops(core: Core) -> None:
    record = held_by_another(core)
    stopper = threading.Timer(0.1, core.stopping.set)
    stopper.start()
    assert finish(core, record, wait=True)["status"] == "processing"
    stopper.join()


def test_bytes_that_fail_to_be_processed_are_an_answer(core: Core) -> None:
    record = arrived(core)
    finish(core, record)
    core.blobs.delete(record["parts"][0]["key"])
    call(core, "files.process", file_id=record["file_id"])
    assert call(core, "files.info", file_id=record["file_id"])["status"] == FileStatus.FAILED


def test_a_store_that_is_away_is_told_and_the_call_can_be_repeated(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = arrived(core)

    def away(key: str) -> Any:
        raise StoreIsAway("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "head", away)
        outcome = attempt(core, "files.finish", **notification(record))
    assert isinstance(outcome, StorageUnavailable)
    assert finish(core, record)["duplicate"] is False


def test_a_race_that_never_ends_is_given_up_as_a_conflict(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    record = arrived(core)
    real_get, impatient = core.metadata.get, replace(core)
    impatient.stopping.set()

    def outdated(file_id: str) -> Any:
        return replace(real_get(file_id), revision=99)

    monkeypatch.setattr(core.metadata, "get", outdated)
    outcome = attempt(impatient, "files.finish", **notification(record))
    assert isinstance(outcome, FilesError)
    assert isinstance(outcome, Conflict)


def test_an_owner_cannot_vouch_for_its_own_bytes(core: Core) -> None:
    record = arrived(core, b"one")
    params = {"file_id": record["file_id"], "part_id": "p0", "skip_processing": True, "actor": record["owner"]}
    assert isinstance(attempt(core, "files.finish", **params), Forbidden)
    assert announced(core) == ["created"]
