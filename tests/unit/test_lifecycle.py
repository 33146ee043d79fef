"""The table of statuses: every pair is decided, an illegal event changes nothing, nothing can get stuck."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.lifecycle import (
    ANNOUNCED,
    TRANSITIONS,
    AllPartsReceived,
    Event,
    IllegalTransition,
    ProcessingExpired,
    ProcessingFailed,
    ProcessingReleased,
    ProcessingSkipped,
    ProcessingStarted,
    ProcessingSucceeded,
    advance,
    announcement,
    as_mermaid,
    attempts_left,
    is_lapsed,
    is_retried,
    next_status,
    reclaim,
)
from storage_adapters import Failure, FileStatus, Lease
from tests.unit.records import STATUSES, in_status, part, record

LEASE = Lease(worker="w2", until=99)
EVENTS: list[Event] = [
    AllPartsReceived(),
    ProcessingStarted(LEASE),
    ProcessingSucceeded(),
    ProcessingFailed("code", "message"),
    ProcessingExpired(),
    ProcessingReleased(),
    ProcessingSkipped(),
]
PAIRS = [(status, event) for status in STATUSES for event in EVENTS]
LEGAL = {(status, event): target for status, events in TRANSITIONS.items() for event, target in events.items()}


def test_every_kind_of_event_is_tested() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_the_table_has_a_row_for_every_status() -> None:
    assert set(TRANSITIONS) == set(STATUSES) == set(ANNOUNCED)


def test_the_table_is_the_agreed_one() -> None:
    assert {(status.value, event.__name__, target.value) for (status, event), target in LEGAL.items()} == {
        ("pending", "AllPartsReceived", "uploaded"),
        ("uploaded", "ProcessingStarted", "processing"),
        ("uploaded", "ProcessingSkipped", "processed"),
        ("processing", "ProcessingSucceeded", "processed"),
        ("processing", "ProcessingFailed", "failed"),
        ("processing", "ProcessingExpired", "uploaded"),
        ("processing", "ProcessingReleased", "uploaded"),
        ("processed", "ProcessingStarted", "processing"),
        ("failed", "ProcessingStarted", "processing"),
    }


@pytest.mark.parametrize(("status", "event"), PAIRS)
def test_every_pair_is_decided(status: FileStatus, event: Event) -> None:
    before = in_status(status)
    kept = replace(before)
    if (status, type(event)) in LEGAL:
        after = advance(before, event, now=50)
        assert after.status is LEGAL[status, type(event)] is next_status(status, type(event))
        assert (after.lease == LEASE) if isinstance(event, ProcessingStarted) else (after.lease is None)
    else:
        with pytest.raises(IllegalTransition, match=status.value) as caught:
            advance(before, event, now=50)
        assert caught.value.status is status
    assert before == kept, "a record never changes, whatever becomes of the event"


@pytest.mark.parametrize("goal", [FileStatus.PROCESSED, FileStatus.FAILED])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_can_reach_every_end(status: FileStatus, goal: FileStatus) -> None:
    reached, before = {status}, set[FileStatus]()
    while reached != before:
        before = set(reached)
        reached |= {target for each in before for target in TRANSITIONS[each].values()}
    assert goal in reached


def test_no_status_can_be_left_only_by_a_worker_that_lives() -> None:
    assert next_status(FileStatus.PROCESSING, ProcessingExpired) is FileStatus.UPLOADED


def test_the_diagram_has_every_transition_and_no_other() -> None:
    lines = as_mermaid().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> pending"]
    drawn = {tuple(line.strip().replace(":", " -->").split(" --> ")) for line in lines[2:]}
    assert drawn == {(status.value, target.value, event.__name__) for (status, event), target in LEGAL.items()}


def test_complete_bytes_set_the_time_and_the_real_size() -> None:
    before = record(parts=(part(size=4), part(part_id="p1", size=5)), size=99)
    after = advance(before, AllPartsReceived(), now=50)
    assert (after.uploaded_at, after.size) == (50, 9)


def test_the_end_of_the_upload_addresses_outlives_the_upload() -> None:
    assert advance(record(upload_expires_at=1_000), AllPartsReceived(), now=50).upload_expires_at == 1_000


def test_success_clears_the_error_and_keeps_the_first_time() -> None:
    failed_once = in_status(FileStatus.PROCESSING, error=Failure(code="c", message="m", attempts=1))
    done = advance(failed_once, ProcessingSucceeded(), now=50)
    assert (done.processed_at, done.error) == (50, None)
    again = advance(advance(done, ProcessingStarted(LEASE), now=60), ProcessingSucceeded(), now=70)
    assert again.processed_at == 50


def test_failures_and_vanished_workers_are_counted() -> None:
    current = in_status(FileStatus.PROCESSING)
    current = advance(current, ProcessingExpired(), now=1)
    assert current.error == Failure(code="lease_expired", message="the worker died", attempts=1)
    current = advance(advance(current, ProcessingStarted(LEASE), now=2), ProcessingFailed("bad", "worse"), now=3)
    assert current.error == Failure(code="bad", message="worse", attempts=2)


def test_a_file_given_back_counts_no_attempt() -> None:
    after = advance(in_status(FileStatus.PROCESSING), ProcessingReleased(), now=1)
    assert (after.status, after.error) == (FileStatus.UPLOADED, None)


@given(st.integers(0, 9), st.integers(1, 9))
def test_attempts_are_left_until_the_limit(attempts: int, limit: int) -> None:
    error = Failure(code="c", message="m", attempts=attempts) if attempts else None
    assert attempts_left(record(error=error), limit) is (attempts < limit)


def test_a_file_lapses_when_its_lease_is_over() -> None:
    held = in_status(FileStatus.PROCESSING)
    assert [is_lapsed(held, now=now) for now in (8, 9, 10)] == [False, True, True]
    assert is_lapsed(replace(held, lease=None), now=0)


@pytest.mark.parametrize("status", [status for status in STATUSES if status is not FileStatus.PROCESSING])
def test_only_a_file_in_processing_lapses(status: FileStatus) -> None:
    assert not is_lapsed(in_status(status), now=99)


@pytest.mark.parametrize(
    ("attempts", "status", "code"),
    [(0, FileStatus.UPLOADED, "lease_expired"), (1, FileStatus.FAILED, "too_many_attempts")],
)
def test_a_lapsed_file_is_tried_again_until_the_last_attempt(attempts: int, status: FileStatus, code: str) -> None:
    error = Failure(code="c", message="m", attempts=attempts) if attempts else None
    after = reclaim(in_status(FileStatus.PROCESSING, error=error), 2, now=10)
    assert after.error is not None
    assert (after.status, after.error.code, after.error.attempts) == (status, code, attempts + 1)


@pytest.mark.parametrize(
    ("status", "code", "attempts", "retried"),
    [
        (FileStatus.FAILED, "hook_failed", 1, True),
        (FileStatus.FAILED, "hook_failed", 3, False),
        (FileStatus.FAILED, "part_mismatch", 1, False),
        (FileStatus.UPLOADED, "hook_failed", 1, False),
    ],
)
def test_only_what_another_attempt_may_cure_is_retried(
    status: FileStatus, code: str, attempts: int, retried: bool
) -> None:
    failed = in_status(status, error=Failure(code=code, message="m", attempts=attempts))
    assert is_retried(failed, 3) is retried
    assert not is_retried(replace(failed, error=None), 3)


@pytest.mark.parametrize(
    ("before", "after", "announced"),
    [
        (FileStatus.PENDING, FileStatus.PENDING, "edited"),
        (FileStatus.PENDING, FileStatus.UPLOADED, "uploaded"),
        (FileStatus.UPLOADED, FileStatus.PROCESSING, None),
        (FileStatus.UPLOADED, FileStatus.PROCESSED, "processed"),
        (FileStatus.PROCESSING, FileStatus.UPLOADED, None),
        (FileStatus.PROCESSING, FileStatus.PROCESSED, "processed"),
        (FileStatus.PROCESSING, FileStatus.FAILED, "failed"),
        (FileStatus.PROCESSED, FileStatus.PROCESSING, None),
        (FileStatus.FAILED, FileStatus.PROCESSING, None),
        # A vanished worker's file taken on by the next in one write, and one given up in the write that takes it.
        (FileStatus.PROCESSING, FileStatus.PROCESSING, "edited"),
        (FileStatus.UPLOADED, FileStatus.FAILED, "failed"),
    ],
)
def test_a_change_is_announced_by_the_status_it_arrives_in(
    before: FileStatus, after: FileStatus, announced: str | None
) -> None:
    assert announcement(in_status(before), in_status(after), "edited") == announced
