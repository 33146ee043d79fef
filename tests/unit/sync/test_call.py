"""files.sync: what a call may look at, does at a time, and answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from files_service.core import Core
from files_service.errors import BadRequest, Forbidden, StorageUnavailable
from files_service.services import reconcile as reconciliation
from files_service.services.files import change
from files_service.services.processing import take
from storage_adapters import JSON
from storage_adapters import StorageUnavailable as StoreIsAway
from tests.clocks import Clock
from tests.cores import call, pending_file, processed_file, put_parts, refusal, uploaded_file, writes
from tests.unit.arrivals import arrived
from tests.unit.sync.scenes import DEEP, KINDS, is_stored, sync, vanished
from tests.unit.versions.scenes import processed_upload


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
    processed_upload(core, processed_file(core, name="changed")["file_id"], b"second")
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
