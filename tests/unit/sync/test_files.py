"""files.sync: files whose worker vanished, whose life is over, or that were removed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from files_service.core import Core
from files_service.domain.uploads import URLS_SLACK_MS
from files_service.services.files import change
from files_service.services.processing import take
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.clocks import Clock
from tests.cores import announced, call, meanwhile, pending_file, processed_file, put_parts
from tests.unit.sync.scenes import info, is_stored, sync, vanished


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
    assert sync(core) == {"expired": [record["file_id"]]}
    clock.pass_seconds(1)
    assert sync(core) == {"cleaned": [record["file_id"]]}
    assert announced(core, record["file_id"])[-1] == "expired"
    assert not is_stored(core, record)
    assert is_stored(core, lasting)


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


def test_the_bytes_of_removed_files_go_when_no_address_can_bring_them_back(core: Core, clock: Clock) -> None:
    record = pending_file(core)
    put_parts(core, record, [b"content"])
    call(core, "files.remove", file_id=record["file_id"])
    last = record["parts"][0]["upload"]["expires_at"]
    clock.now = last - 1
    assert sync(core) == {}
    clock.now = last + URLS_SLACK_MS
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
