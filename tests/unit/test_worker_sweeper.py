"""The sweeper: files.sync to its end, one worker at a time, and early deletion of removed bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.runtime.lease import Lease
from files_service.services import reconcile as reconciliation
from files_service.services.files import require
from files_service.services.uploads.quota import uploads_of
from files_service.worker import cleaner
from files_service.worker import sweeper as sweeper_module
from files_service.worker.cleaner import CONSUMER
from files_service.worker.sweeper import EXPIRED_FOR_MS, Sweeper
from storage_adapters import (
    JSON,
    BlobNotFound,
    Document,
    StorageDenied,
    StorageUnavailable,
    SupportsChanges,
    SupportsDocuments,
    SupportsLeases,
)
from storage_adapters.ports.documents import TOMBSTONE_MS
from tests.clocks import Clock
from tests.cores import call, memory_core, pending_file, processed_file, put_parts
from tests.unit.protection import protect

INTERVAL = 60


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, sweep_interval_seconds=INTERVAL)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def forgotten(core: Core, number: int = 1) -> list[JSON]:
    """Uploads whose bytes are there, of which nobody ever told."""
    records = [pending_file(core) for _ in range(number)]
    for record in records:
        put_parts(core, record, [b"content"])
    return records


def status(core: Core, record: JSON) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def is_stored(core: Core, record: JSON) -> bool:
    try:
        core.blobs.head(record["parts"][0]["key"])
    except BlobNotFound:
        return False
    return True


def test_a_sweep_removes_documents_whose_time_is_over_and_later_their_tombstones(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper_module, "DOCUMENT_BATCH", 2)
    documents = require(core.metadata, SupportsDocuments)
    now = clock()
    stored = [
        documents.put_document(
            Document(collection="sessions", document_id=f"s{number}", updated_at=now, expires_at=expires_at),
            expected_revision=0,
        )
        for number, expires_at in enumerate([now + 1, now + 1, now + 1, now + 1, now + 1, now + 10**12, None])
    ]
    sweeper = Sweeper(core, holder="one")
    # Another clock may be behind this one by nearly a day: for it, nothing is over.
    clock.pass_seconds(EXPIRED_FOR_MS / 1000)
    assert sweeper.step() == INTERVAL
    assert sweeper.totals["expired_documents"] == 0
    assert documents.get_document("sessions", "s0", now=now) == stored[0]
    clock.pass_seconds(INTERVAL)
    sweeper.step()
    assert sweeper.totals["expired_documents"] == 5
    found = documents.stored_documents([document.key for document in stored])
    assert [document is not None and document.deleted for document in found] == [True] * 5 + [False] * 2
    clock.pass_seconds(TOMBSTONE_MS / 1000)
    sweeper.step()
    assert sweeper.totals["forgotten_documents"] == 5
    assert documents.stored_documents([document.key for document in stored]) == [None] * 5 + stored[5:]


def test_a_stage_that_fails_keeps_no_other_back(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    documents, now = require(core.metadata, SupportsDocuments), clock()
    documents.put_document(
        Document(collection="sessions", document_id="old", updated_at=now, expires_at=now + 1), expected_revision=0
    )
    uploads_of(core).reserve_chunks("ann", ["0" * 64], now=now)
    clock.pass_seconds(EXPIRED_FOR_MS / 1000 + core.settings.chunk_quarantine_seconds + 1)

    def refuse(*_: object, **__: object) -> None:
        raise StorageUnavailable("read-only")

    sweeper = Sweeper(core, holder="one")
    with monkeypatch.context() as patch:
        for method in ("delete", "ping"):
            patch.setattr(core.blobs, method, refuse)
        with pytest.raises(StorageUnavailable):
            sweeper.step()
    assert sweeper.totals["expired_documents"] == 1
    assert sweeper.step() == INTERVAL / 4, "it tries again after a while"
    assert sweeper.totals["chunks"] == 0
    clock.pass_seconds(INTERVAL / 4)
    assert sweeper.step() == INTERVAL
    assert sweeper.totals["chunks"] == 1


def test_a_sweep_goes_on_until_there_is_no_more(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "BATCH", 2)
    records = forgotten(core, 7)
    clock.pass_seconds(INTERVAL)
    sweeper = Sweeper(core, holder="one")
    assert sweeper.step() == INTERVAL
    assert {status(core, record) for record in records} == {"uploaded"}
    assert sweeper.totals["finished"] == 7


def test_it_sweeps_once_in_an_interval(core: Core, clock: Clock) -> None:
    sweeper = Sweeper(core, holder="one")
    sweeper.step()
    [record] = forgotten(core)
    clock.pass_seconds(INTERVAL - 1)
    assert sweeper.step() == 1
    assert status(core, record) == "pending"
    clock.pass_seconds(1)
    sweeper.step()
    assert status(core, record) == "uploaded"


def test_several_workers_sweep_as_often_as_one(core: Core, clock: Clock) -> None:
    one, two = Sweeper(core, holder="one"), Sweeper(core, holder="two")
    one.step()
    [record] = forgotten(core)
    clock.pass_seconds(INTERVAL - 1)
    two.step()
    assert status(core, record) == "pending"


def test_another_worker_sweeps_when_the_first_is_gone(core: Core, clock: Clock) -> None:
    Sweeper(core, holder="dead").step()
    [record] = forgotten(core)
    two = Sweeper(core, holder="two")
    for _ in range(8):
        clock.pass_seconds(two.step())
    assert status(core, record) == "uploaded"


def test_a_sweeper_that_stops_hands_over_at_once(core: Core, clock: Clock) -> None:
    one, two = Sweeper(core, holder="one"), Sweeper(core, holder="two")
    one.step()
    one.give_up()
    [record] = forgotten(core)
    clock.pass_seconds(INTERVAL)
    two.step()
    assert status(core, record) == "uploaded"


def test_an_interrupted_sweep_goes_on_where_it_was(core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "BATCH", 2)
    records = forgotten(core, 6)
    clock.pass_seconds(INTERVAL)
    limit = 0
    sweeper = Sweeper(core, holder="one", stopped=lambda: sweeper.totals["finished"] >= limit)
    for limit in (2, 4, 6):
        sweeper.sweep()
        assert [status(core, record) for record in records].count("uploaded") == limit


def test_bytes_of_a_removed_file_go_at_once_and_once_more_when_no_address_can_bring_them_back(
    core: Core, clock: Clock
) -> None:
    record = processed_file(core)
    sweeper = Sweeper(core, holder="one")
    call(core, "files.remove", file_id=record["file_id"])
    sweeper.notice_removal(record["file_id"])
    sweeper.step()
    assert not is_stored(core, record)
    put_parts(core, record, [b"late"])
    clock.now = record["upload_expires_at"]
    sweeper.step()
    assert not is_stored(core, record)
    assert core.metadata.unclean(now=clock() * 2, limit=10) == []


def test_bytes_that_are_to_be_kept_are_kept(core: Core) -> None:
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"], soft=True)
    sweeper = Sweeper(core, holder="one")
    sweeper.notice_removal(record["file_id"])
    sweeper.step()
    assert is_stored(core, record)


def test_a_notice_of_a_file_that_is_there_or_never_was_changes_nothing(core: Core) -> None:
    record = processed_file(core)
    sweeper = Sweeper(core, holder="one")
    sweeper.notice_removal(record["file_id"])
    sweeper.notice_removal("01HZZZZZZZZZZZZZZZZZZZZZZZ")
    sweeper.step()
    assert is_stored(core, record)


def break_down(monkeypatch: pytest.MonkeyPatch, core: Core) -> None:
    """Let the blob store be out of order."""

    def refuse(*_: object, **__: object) -> None:
        raise StorageUnavailable("out of order")

    for name in ("delete_many", "delete", "ping"):
        monkeypatch.setattr(core.blobs, name, refuse)


def test_bytes_that_could_not_be_deleted_at_once_are_deleted_within_a_minute(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [processed_file(core) for _ in range(3)]
    sweeper = Sweeper(core, holder="one")
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
        sweeper.notice_removal(record["file_id"])
    with monkeypatch.context() as patch:
        break_down(patch, core)
        assert sweeper.step() <= 60
    assert [is_stored(core, record) for record in records] == [True] * 3
    sweeper.step()
    assert [is_stored(core, record) for record in records] == [False] * 3


def test_bytes_that_alone_cannot_be_deleted_keep_no_others_back_nor_the_feed(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleaner, "BATCH", 2)
    records = [processed_file(core) for _ in range(6)]
    one = cleaner.Cleaner(core)
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
        one.notice(record["file_id"])
    with monkeypatch.context() as patch:
        protect(patch, core, StorageUnavailable).add(records[0]["parts"][0]["key"])
        assert not one.clean(lambda: True)
        assert one.catch_up(lambda: True)
        assert [is_stored(core, record) for record in records] == [True] + [False] * 5
        feed = require(core.metadata, SupportsChanges)
        assert feed.checkpoint(CONSUMER) == feed.last_sequence()
        clock.pass_seconds(31)
        assert not one.clean(lambda: True)
    clock.pass_seconds(31)
    assert not one.clean(lambda: True)
    clock.pass_seconds(31)
    assert one.clean(lambda: True)
    assert not is_stored(core, records[0])


def test_a_new_sweeper_deletes_the_bytes_of_removals_that_an_earlier_one_did_not(core: Core) -> None:
    records = [processed_file(core) for _ in range(3)]
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
    assert core.metadata.unclean(now=core.clock(), limit=10) == []
    Sweeper(core, holder="next").step()
    assert [is_stored(core, record) for record in records] == [False] * 3


def test_a_cleaner_that_is_stopped_at_its_last_page_leaves_it_to_the_next(core: Core) -> None:
    records = [processed_file(core) for _ in range(3)]
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
    answers = iter([True, True])
    assert not cleaner.Cleaner(core).catch_up(lambda: next(answers, False))
    assert [is_stored(core, record) for record in records] == [True] * 3
    assert require(core.metadata, SupportsChanges).checkpoint(CONSUMER) == ""
    Sweeper(core, holder="next").step()
    assert [is_stored(core, record) for record in records] == [False] * 3


def test_a_removal_that_one_worker_did_not_live_to_clean_is_cleaned_by_another_within_minutes(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one has swept before, and has the lease all the time."""
    other, dying = Sweeper(core, holder="other"), Sweeper(core, holder="dying")
    other.step()
    records = [processed_file(core) for _ in range(3)]
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
        dying.notice_removal(record["file_id"])
    with monkeypatch.context() as patch:
        break_down(patch, core)
        dying.step()
        clock.pass_seconds(INTERVAL)
        other.step()
    assert [is_stored(core, record) for record in records] == [True] * 3
    clock.pass_seconds(INTERVAL)
    other.step()
    Sweeper(core, holder="dying").step()
    assert [is_stored(core, record) for record in records] == [False] * 3


def test_removals_behind_a_checkpoint_that_the_feed_never_reached_are_cleaned(core: Core) -> None:
    """As in a store whose feed began again."""
    record = processed_file(core)
    feed = core.metadata
    assert isinstance(feed, SupportsChanges)
    feed.move_checkpoint(CONSUMER, expected="", sequence="999999999")
    call(core, "files.remove", file_id=record["file_id"])
    Sweeper(core, holder="one").step()
    assert not is_stored(core, record)
    assert feed.has_changes_behind(feed.checkpoint(CONSUMER))


def test_a_removal_is_cleaned_once_and_the_feed_is_not_read_again(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Sweeper(core, holder="one")
    sweeper.step()
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"])
    deleted: list[list[str]] = []
    delete_many = core.blobs.delete_many

    def note(keys: list[str], **known: Any) -> None:
        deleted.append(keys)
        delete_many(keys, **known)

    monkeypatch.setattr(core.blobs, "delete_many", note)
    sweeper.notice_removal(record["file_id"])
    for _ in range(3):
        sweeper.step()
        clock.pass_seconds(INTERVAL)
    assert [len(keys) for keys in deleted if keys] == [1]


def test_protected_bytes_do_not_keep_others_from_being_deleted(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [processed_file(core) for _ in range(3)]
    protected = records[1]["parts"][0]["key"]
    delete = core.blobs.delete
    sweeper = Sweeper(core, holder="one")
    for record in records:
        call(core, "files.remove", file_id=record["file_id"])
        sweeper.notice_removal(record["file_id"])

    def keep(key: str, **generation: Any) -> None:
        if key == protected:
            raise StorageDenied("retention")
        delete(key, **generation)

    monkeypatch.setattr(core.blobs, "delete", keep)
    assert sweeper.step() == INTERVAL
    assert [is_stored(core, record) for record in records] == [False, True, False]


def test_bytes_that_cannot_be_deleted_now_are_deleted_by_a_later_sweep(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = processed_file(core)
    call(core, "files.remove", file_id=record["file_id"])
    sweeper = Sweeper(core, holder="one")
    sweeper.notice_removal(record["file_id"])

    def refuse(key: str, **_: Any) -> None:
        raise StorageUnavailable("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(core.blobs, "delete", refuse)
        sweeper.step()
        clock.now = record["upload_expires_at"]
        sweeper.step()
        assert sweeper.totals["errors"] == 1
        assert is_stored(core, record)
    clock.pass_seconds(INTERVAL)
    sweeper.step()
    assert not is_stored(core, record)


def test_a_lease_is_renewed_seldom_and_never_believed_too_long(core: Core, clock: Clock) -> None:
    lease = Lease(core.metadata, "job", holder="one", seconds=10, clock=core.clock, timer=core.timer)
    assert lease.held()
    leases = core.metadata
    assert isinstance(leases, SupportsLeases)
    clock.pass_seconds(4)
    assert lease.held()
    # The clock is set back: the lease now seems to last longer than it ever was.
    clock.pass_seconds(-20)
    assert lease.held()
    assert not leases.acquire_lease("job", holder="two", now=clock() + 9_999, until=clock() + 20_000)
    assert leases.acquire_lease("job", holder="two", now=clock() + 10_000, until=clock() + 20_000)
    clock.pass_seconds(10)
    assert not lease.held()
    lease.release()
    assert not Lease(core.metadata, "job", holder="three", seconds=10, clock=core.clock, timer=core.timer).held()


def test_a_store_without_leases_has_one_process_which_may_do_everything(core: Core) -> None:
    class Bare:
        """Has no capability at all."""

    lease = Lease(Bare(), "job", holder="one", seconds=10, clock=core.clock, timer=core.timer)
    assert lease.held()
    lease.release()


def test_the_sweeper_keeps_its_schedule_when_the_clock_is_set_back(core: Core, clock: Clock) -> None:
    timer = Clock(now=0)
    sweeper = Sweeper(replace(core, timer=timer), holder="one")
    assert sweeper.step() == INTERVAL
    [record] = forgotten(core)
    clock.pass_seconds(-10 * INTERVAL)
    timer.pass_seconds(INTERVAL)
    assert sweeper.step() == INTERVAL
    clock.pass_seconds(11 * INTERVAL)
    timer.pass_seconds(INTERVAL)
    sweeper.step()
    assert status(core, record) == "uploaded"


def test_a_sweeper_that_died_with_its_clock_ahead_delays_others_by_one_lease(core: Core, clock: Clock) -> None:
    dead = replace(core, clock=Clock(now=clock.now + 10**10), timer=Clock(now=clock.now + 10**10))
    assert Lease(core.metadata, "sweeper", holder="dead", seconds=INTERVAL, clock=dead.clock, timer=dead.timer).held()
    sweeper = Sweeper(core, holder="one")
    assert not sweeper.sweep()
    clock.pass_seconds(INTERVAL)
    assert sweeper.sweep()


def test_a_lease_is_not_certain_after_its_length_although_the_clock_was_set_back(core: Core, clock: Clock) -> None:
    timer = Clock(now=0)
    lease = Lease(core.metadata, "job", holder="one", seconds=10, clock=clock, timer=timer)
    assert lease.renew()
    assert lease.is_certain()
    timer.pass_seconds(11)
    assert not lease.is_certain()
