"""The turns of jobs: each job has its own, however many there are, and whatever happens to the others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.files import require
from files_service.services.jobs import steps
from files_service.services.jobs.job import JOBS, Job
from files_service.worker import jobs
from files_service.worker.jobs import JobRunner
from storage_adapters import Document, StorageUnavailable, SupportsDocuments
from tests.clocks import Clock
from tests.cores import call, memory_core
from tests.unit.places.scenes import file_at

OWNERS = [f"o{number}" for number in range(5)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Core]:
    monkeypatch.setattr(steps, "BATCH", 1)
    monkeypatch.setattr(jobs, "JOBS_AT_ONCE", 2)
    opened = memory_core(tmp_path)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def begun(core: Core, owner: str) -> str:
    """A job that is too large for its call."""
    for name in ("a/1", "a/2", "a/3"):
        file_at(core, name, owner)
    return str(call(core, "folders.remove", owner=owner, path="a")["job_id"])


def totals(core: Core, job_ids: list[str]) -> list[int | None]:
    """The totals of jobs, which their first turn counts."""
    return [call(core, "jobs.info", job_id=job_id)["total"] for job_id in job_ids]


def test_more_jobs_than_have_a_turn_at_once_take_turns(core: Core) -> None:
    begun_jobs = [begun(core, owner) for owner in OWNERS]
    runner = JobRunner(core, holder="one")
    assert totals(core, begun_jobs) == [None] * 5
    for _ in range(3):
        assert runner.step() == 0
    assert totals(core, begun_jobs) == [3] * 5
    while runner.step() == 0:
        pass
    assert {call(core, "jobs.info", job_id=each)["state"] for each in begun_jobs} == {"done"}


def test_jobs_that_fail_neither_hide_nor_delay_the_others(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_jobs = [begun(core, owner) for owner in OWNERS]
    run_step, failed = steps.run_step, []

    def fail(core: Core, job: Job) -> Job:
        if job.job_id in begun_jobs[:3]:
            failed.append(job.job_id)
            raise StorageUnavailable("a file cannot be read")
        return run_step(core, job)

    runner = JobRunner(core, holder="one")
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "run_step", fail)
        # No time passes: what has failed is not tried again.
        for _ in range(50):
            with suppress(StorageUnavailable):
                if runner.step():
                    break
        assert len(failed) == 3
        states = [call(core, "jobs.info", job_id=each)["state"] for each in begun_jobs]
        assert states == ["running"] * 3 + ["done"] * 2
    clock.pass_seconds(60)
    while runner.step() == 0:
        pass
    assert {call(core, "jobs.info", job_id=each)["state"] for each in begun_jobs} == {"done"}


def test_a_job_that_nobody_can_read_stops_no_other(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    """Another version of the service has written it, which goes on with it."""
    foreign = Document(collection=JOBS, document_id="a", order="running/", body={"kind": "new"}, updated_at=0)
    require(core.metadata, SupportsDocuments).put_document(foreign, expected_revision=0)
    job_id = begun(core, "ann")
    runner = JobRunner(core, holder="one")
    while runner.step() == 0:
        pass
    assert call(core, "jobs.info", job_id=job_id)["state"] == "done"
    assert [record.message for record in caplog.records] == ["a job cannot be read"]
