"""files.sync: uploads that nobody told of, and those that never came."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from tests.clocks import Clock
from tests.cores import announced, call, meanwhile, pending_file, put_parts, refusal
from tests.unit.arrivals import arrived
from tests.unit.sync.scenes import expired_upload, info, is_stored, sync


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
    assert sync(core) == {"finished": [file_id], "expired": [file_id]}
    clock.pass_seconds(1)
    assert sync(core) == {"cleaned": [file_id]}
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


def test_an_upload_that_somehow_has_all_parts_and_is_pending_still_is_completed(core: Core, clock: Clock) -> None:
    record = core.metadata.get(arrived(core)["file_id"])
    parts = tuple(replace(part, received_at=clock()) for part in record.parts)
    core.metadata.save(replace(record, parts=parts), expected_revision=1, changed_at=clock(), event=None)
    clock.pass_seconds(60)
    assert sync(core) == {"finished": [record.file_id]}
    assert announced(core, record.file_id) == ["created", "uploaded"]
