"""files.sync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service import reconciliation
from files_service.actions.base import change
from files_service.actions.process import take
from files_service.core import Core
from files_service.errors import BadRequest, Forbidden, StorageUnavailable
from storage_adapters import JSON, BlobNotFound
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.clocks import Clock
from tests.cores import (
    announced,
    call,
    meanwhile,
    memory_core,
    pending_file,
    processed_file,
    put_parts,
    refusal,
    uploaded_file,
    writes,
)

KINDS = ("finished", "expired", "requeued", "failed", "cleaned", "orphans", "unnamed", "lost", "errors")
DEEP = ("orphans", "unnamed", "lost")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, lease_seconds=60, upload_ttl_seconds=3_600, max_attempts=2)
    yield replace(opened, clock=clock)
    opened.close()


def sync(core: Core, **params: Any) -> JSON:
    """What a call reports, without the kinds of which there is nothing."""
    report = call(core, "files.sync", **params)
    assert report["counts"] == {kind: len(report[kind]) for kind in KINDS}
    assert report["dry_run"] is params.get("dry_run", False)
    return {kind: report[kind] for kind in KINDS if report[kind]}


def arrived(core: Core, *contents: bytes, **params: Any) -> JSON:
    """An upload whose bytes are there, of which nobody told."""
    record = pending_file(core, *contents, **params)
    put_parts(core, record, list(contents or (b"content",)))
    return record


def vanished(core: Core, **params: Any) -> JSON:
    """A file whose worker took it and was never seen again."""
    record = uploaded_file(core, **params)
    change(core, record["file_id"], lambda found: take(found, "gone", core, force=False))
    return record


def info(core: Core, record: JSON) -> JSON:
    return call(core, "files.info", file_id=record["file_id"])


def is_stored(core: Core, record: JSON, index: int = 0) -> bool:
    try:
        core.blobs.head(record["parts"][index]["key"])
    except BlobNotFound:
        return False
    return True


def expired_upload(core: Core, clock: Clock) -> JSON:
    record = pending_file(core)
    clock.now = record["upload_expires_at"]
    return record


def test_a_lost_notification_is_made_up_for(core: Core, clock: Clock) -> None:
    record = arrived(core, b"one", b"two")
    clock.pass_seconds(60)
    assert sync(core) == {"finished": [record["file_id"]]}
    assert info(core, record)["status"] == "uploaded"
    assert announced(core, record["file_id"]) == ["created", "uploaded"]
    assert sync(core) == {}


def test_the_parts_that_are_there_are_received_and_the_others_waited_for(core: Core, clock: Clock) -> None:
    record = pending_file(core, b"one", b"two")
    put_parts(core, {"parts": record["parts"][1:]}, [b"two"])
    clock.pass_seconds(60)
    assert sync(core) == {"finished": [record["file_id"]]}
    after = info(core, record)
    assert (after["status"], [bool(part["received_at"]) for part in after["parts"]]) == ("pending", [False, True])
    assert sync(core) == {}


def test_an_upload_that_has_just_begun_is_left_alone(core: Core, clock: Clock) -> None:
    record = arrived(core)
    clock.pass_seconds(59)
    assert sync(core) == {}
    assert sync(core, older_than_seconds=0) == {"finished": [record["file_id"]]}


def test_an_upload_whose_time_is_over_expires(core: Core, clock: Clock) -> None:
    record = expired_upload(core, clock)
    assert sync(core)["expired"] == [record["file_id"]]
    assert announced(core, record["file_id"]) == ["created", "expired"]
    assert refusal(core, "files.info", file_id=record["file_id"]).code == "not_found"


def test_an_upload_whose_bytes_came_in_time_does_not_expire_for_want_of_a_notification(
    core: Core, clock: Clock
) -> None:
    record = arrived(core)
    clock.now = record["upload_expires_at"] + 1
    assert sync(core) == {"finished": [record["file_id"]]}
    assert info(core, record)["status"] == "uploaded"


def test_the_bytes_of_an_expired_upload_go_with_it(core: Core, clock: Clock) -> None:
    record = pending_file(core, b"one", b"two")
    put_parts(core, {"parts": record["parts"][:1]}, [b"one"])
    clock.now = record["upload_expires_at"]
    file_id = record["file_id"]
    assert sync(core) == {"finished": [file_id], "expired": [file_id], "cleaned": [file_id]}
    assert not is_stored(core, record)
    assert core.metadata.unclean(now=clock() * 2, limit=1) == []


def test_an_upload_that_is_finished_just_now_does_not_expire(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = expired_upload(core, clock)

    def finish() -> None:
        put_parts(core, record, [b"content"])
        call(core, "files.finish", file_id=record["file_id"], part_id="p0")

    meanwhile(monkeypatch, core.metadata, "find", finish)
    sync(core)
    assert info(core, record)["status"] == "uploaded"


def test_a_record_that_changes_between_the_look_and_the_deletion_is_left_to_the_next_run(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = expired_upload(core, clock)
    update = {"file_id": record["file_id"], "changes": {"name": "new"}}
    meanwhile(monkeypatch, core.metadata, "get", lambda: call(core, "files.update", **update))
    assert sync(core) == {}
    assert sync(core)["expired"] == [record["file_id"]]


def test_wrong_bytes_make_room_for_the_right_ones(core: Core, clock: Clock) -> None:
    record = pending_file(core, b"content")
    put_parts(core, record, [b"something else"])
    clock.pass_seconds(60)
    [error] = sync(core)["errors"]
    assert (error["file_id"], error["code"]) == (record["file_id"], "part_mismatch")
    assert error["details"] == {"part_id": "p0", "field": "size", "declared": 7, "actual": 14}
    put_parts(core, record, [b"content"])
    assert sync(core) == {"finished": [record["file_id"]]}


def test_a_file_whose_worker_vanished_waits_for_another(core: Core, clock: Clock) -> None:
    record = vanished(core)
    clock.pass_seconds(59)
    assert sync(core) == {}
    clock.pass_seconds(1)
    assert sync(core) == {"requeued": [record["file_id"]]}
    after = info(core, record)
    assert (after["status"], after["lease"], after["error"]["attempts"]) == ("uploaded", None, 1)
    assert announced(core, record["file_id"]) == ["created", "uploaded"]


def test_a_file_whose_last_worker_vanished_has_failed(core: Core, clock: Clock) -> None:
    record = vanished(core)
    clock.pass_seconds(60)
    change(core, record["file_id"], lambda found: take(found, "gone too", core, force=False))
    clock.pass_seconds(60)
    assert sync(core) == {"failed": [record["file_id"]]}
    assert info(core, record)["error"]["code"] == "too_many_attempts"
    assert announced(core, record["file_id"]) == ["created", "uploaded", "failed"]


def test_a_temporary_file_goes_with_its_bytes_when_its_life_is_over(core: Core, clock: Clock) -> None:
    record = processed_file(core, temporary=True, ttl_seconds=7_200)
    lasting = processed_file(core)
    clock.pass_seconds(7_199)
    assert sync(core) == {}
    clock.pass_seconds(1)
    assert sync(core) == {"expired": [record["file_id"]], "cleaned": [record["file_id"]]}
    assert announced(core, record["file_id"])[-1] == "expired"
    assert not is_stored(core, record)
    assert is_stored(core, lasting)


def test_the_bytes_of_removed_files_go_when_no_address_can_bring_them_back(core: Core, clock: Clock) -> None:
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"])
    clock.now = record["upload_expires_at"] - 1
    assert sync(core) == {}
    clock.now = record["upload_expires_at"]
    assert sync(core) == {"cleaned": [record["file_id"]]}
    assert not is_stored(core, record)
    assert sync(core) == {}


def test_bytes_that_cannot_be_deleted_do_not_hold_up_others_and_are_deleted_later(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [processed_file(core) for _ in range(3)]
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
    clock.now = records[-1]["upload_expires_at"]
    delete, stuck = core.blobs.delete, records[1]["parts"][0]["key"]

    def refuse(key: str) -> None:
        if key == stuck:
            raise StoreIsAway("read-only")
        delete(key)

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "delete", refuse)
        for cleaned in ({records[0]["file_id"], records[2]["file_id"]}, set()):
            report = sync(core)
            assert set(report.get("cleaned", [])) == cleaned
            [error] = report["errors"]
            assert (error["file_id"], error["code"]) == (records[1]["file_id"], "storage_unavailable")
    assert sync(core) == {"cleaned": [records[1]["file_id"]]}
    assert not any(is_stored(core, record) for record in records)


def test_bytes_in_another_bucket_are_not_taken_for_ours(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, removed = arrived(core), processed_file(core)
    call(core, "files.remove", file_id=removed["file_id"])
    clock.now = removed["upload_expires_at"]
    with monkeypatch.context() as patch:
        patch.setattr(type(core.blobs), "bucket", "another")
        errors = sync(core)["errors"]
    assert {(error["file_id"], error["code"]) for error in errors} == {
        (waiting["file_id"], "not_supported"),
        (removed["file_id"], "not_supported"),
    }
    assert is_stored(core, removed)
    assert sync(core) == {"finished": [waiting["file_id"]], "cleaned": [removed["file_id"]]}


def test_a_blob_store_that_is_away_is_reported_for_each_file(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [arrived(core) for _ in range(2)]
    clock.pass_seconds(60)

    def away(key: str) -> None:
        raise StoreIsAway("away")

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "head", away)
        errors = sync(core)["errors"]
    assert {error["file_id"] for error in errors} == {record["file_id"] for record in records}
    assert {error["code"] for error in errors} == {"storage_unavailable"}


def test_a_metadata_store_that_is_away_is_an_error_of_the_call(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(query: object) -> None:
        raise StoreIsAway("away")

    monkeypatch.setattr(core.metadata, "find", away)
    assert isinstance(refusal(core, "files.sync"), StorageUnavailable)


def one_of_each(core: Core, clock: Clock) -> None:
    """Something to do of every kind."""
    expired = pending_file(core, name="expired")
    wrong = pending_file(core, b"content", name="wrong")
    put_parts(core, wrong, [b"wrong"])
    removed, again = processed_file(core, name="removed"), vanished(core, name="failing")
    clock.pass_seconds(60)
    change(core, again["file_id"], lambda found: take(found, "gone too", core, force=False))
    call(core, "files.remove", file_id=removed["file_id"])
    processed_file(core, name="temporary", temporary=True, ttl_seconds=60)
    clock.now = expired["upload_expires_at"] - 60_000
    arrived(core, name="arrived")
    vanished(core, name="vanished")
    clock.pass_seconds(60)


def test_a_dry_run_says_the_same_and_does_nothing(core: Core, clock: Clock) -> None:
    one_of_each(core, clock)
    before = writes(core)
    said = sync(core, dry_run=True)
    assert set(said) == set(KINDS).difference(DEEP)
    assert writes(core) == before
    assert sync(core, dry_run=True) == said
    assert core.metadata.unclean(now=clock(), limit=10) != []
    done = sync(core)
    # What expires leaves bytes behind that can go at once; a dry run has not let it expire.
    assert done | {"cleaned": said["cleaned"]} == said
    assert set(said["cleaned"]) <= set(done["cleaned"])


def test_a_second_run_finds_nothing_more_to_do(core: Core, clock: Clock) -> None:
    one_of_each(core, clock)
    sync(core)
    sync(core)
    before = writes(core)
    assert sync(core) == {}
    assert writes(core) == before


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_work_of_one_call_is_bounded_and_a_cursor_leads_to_the_rest(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(reconciliation, "BATCH", batch)
    waiting = [arrived(core) for _ in range(5)]
    removed = [processed_file(core) for _ in range(5)]
    gone = [vanished(core) for _ in range(3)]
    for record in removed:
        call(core, "files.remove", file_id=record["file_id"])
    clock.now = removed[-1]["upload_expires_at"]
    found: dict[str, list[str]] = {kind: [] for kind in KINDS}
    cursor: str | None = None
    for _ in range(40):
        report = call(core, "files.sync", cursor=cursor)
        assert sum(report["counts"].values()) <= batch
        for kind in KINDS:
            found[kind] += report[kind]
        cursor = report["next_cursor"]
        if cursor is None:
            break
    assert cursor is None
    for kind, records in (("finished", waiting), ("requeued", gone), ("cleaned", removed)):
        assert sorted(found[kind]) == sorted(record["file_id"] for record in records)


def test_only_the_owners_files_are_looked_at(core: Core, clock: Clock) -> None:
    for owner in ("ann", "bob"):
        for make in (arrived, vanished, processed_file):
            record = make(core, owner=owner)
        call(core, "files.remove", file_id=record["file_id"])
        processed_file(core, owner=owner, temporary=True, ttl_seconds=1)
        pending_file(core, owner=owner)
    clock.now = record["upload_expires_at"]
    said = {owner: sync(core, owner=owner, dry_run=True) for owner in ("ann", "bob")}
    assert {kind: len(ids) for kind, ids in said["ann"].items()} == {
        "finished": 1,
        "expired": 2,
        "requeued": 1,
        "cleaned": 1,
    }
    everybody = sync(core)
    assert {kind: sorted(said["ann"][kind] + said["bob"][kind]) for kind in ("finished", "expired", "requeued")} == {
        kind: sorted(everybody[kind]) for kind in ("finished", "expired", "requeued")
    }


def test_an_actor_may_reconcile_its_own_files_and_no_others(core: Core, clock: Clock) -> None:
    record = arrived(core, owner="ann")
    clock.pass_seconds(60)
    for params in ({"actor": "bob", "owner": "ann"}, {"actor": "bob"}, {"actor": "ann", "owner": None}):
        assert isinstance(refusal(core, "files.sync", **params), Forbidden)
    assert sync(core, owner="ann", actor="ann") == {"finished": [record["file_id"]]}


@pytest.mark.parametrize(
    "cursor",
    [
        "?",
        "é",
        "AAAA",
        "bnVsbA==",
        "WyJub3doZXJlIiwgbnVsbF0=",  # ["nowhere", null]
        "WyJwZW5kaW5nIiwgW11d",  # ["pending", []]
        "WyJwZW5kaW5nIiwgWzEsIDJdXQ==",  # ["pending", [1, 2]]
        "WyJwZW5kaW5nIiwgWzEuNSwgImEiXV0=",  # ["pending", [1.5, "a"]]
        "WyJwZW5kaW5nIiwgW3RydWUsICJhIl1d",  # ["pending", [true, "a"]]
        "WyJwZW5kaW5nIiwgWzkwMDcxOTkyNTQ3NDA5OTMsICJhIl1d",  # ["pending", [2**53 + 1, "a"]]
        "WyJwZW5kaW5nIiwgWzEsICLDqSJdXQ==",  # ["pending", [1, "é"]]
    ],
)
def test_a_cursor_that_is_none_is_named(core: Core, cursor: str) -> None:
    error = refusal(core, "files.sync", cursor=cursor)
    assert isinstance(error, BadRequest)
    assert list(error.details["fields"]) == ["cursor"]


@pytest.mark.parametrize("make", [arrived, vanished, uploaded_file, processed_file])
def test_what_needs_nothing_is_not_written(core: Core, make: Callable[[Core], JSON]) -> None:
    make(core)
    before = writes(core)
    assert sync(core) == {}
    assert writes(core) == before


def test_an_upload_that_somehow_has_all_parts_and_is_pending_still_is_completed(core: Core, clock: Clock) -> None:
    record = core.metadata.get(arrived(core)["file_id"])
    parts = tuple(replace(part, received_at=clock()) for part in record.parts)
    core.metadata.save(replace(record, parts=parts), expected_revision=1, changed_at=clock(), event=None)
    clock.pass_seconds(60)
    assert sync(core) == {"finished": [record.file_id]}
    assert announced(core, record.file_id) == ["created", "uploaded"]


def test_a_temporary_file_whose_life_was_prolonged_just_now_stays(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = processed_file(core, temporary=True, ttl_seconds=60)["file_id"]
    clock.pass_seconds(60)

    def prolong() -> None:
        record = core.metadata.get(file_id)
        longer = replace(record, expires_at=clock() + 60_000)
        core.metadata.save(longer, expected_revision=record.revision, changed_at=clock(), event="updated")

    # The third look is the one that finds the temporary files.
    meanwhile(monkeypatch, core.metadata, "find", prolong, after=3)
    assert sync(core) == {}
    assert core.metadata.get(file_id).revision > 1
