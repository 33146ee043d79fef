"""The worker's scrubber: the pace, the place where it goes on, the lease, the metrics, and repair by new files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.messaging.events import LogPublisher
from files_service.services.scrub.progress import load_progress
from files_service.worker.run import Worker
from files_service.worker.scrubber import LEAST_RATE, MOST_RATE, MOST_REPAIRS, RETRY_SECONDS, TURN_BYTES, Scrubber
from storage_adapters import BlobWriter, FileRecord, StorageUnavailable
from tests.clocks import Clock
from tests.cores import announced, call, meanwhile, processed_file, sqlite_core
from tests.unit.lost_bytes import chunked_file, marks, paths, remove, rot

DAY = 86_400
DAYS = 10
CONTENT = random.Random(15).randbytes(50_000)
MIB = 2**20


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = sqlite_core(tmp_path, chunk_bytes=16_384, scrub_days=DAYS)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()


def run_until_read(scrubber: Scrubber, clock: Clock) -> float:
    """Let it read to the end of a pass; returns the seconds that it took."""
    began = clock()
    for _ in range(1_000):
        wait = scrubber.step()
        progress = scrubber._progress
        if progress is not None and progress.ended_at is not None:
            return (clock() - began) / 1000
        clock.pass_seconds(wait)
    raise AssertionError("it does not end")


def test_what_is_lost_shows_in_the_metric_until_it_is_repaired(core: Core, clock: Clock) -> None:
    record = chunked_file(core, CONTENT)
    rot(paths(core, record)[1])
    scrubber = Scrubber(core, holder="one")
    run_until_read(scrubber, clock)
    clock.pass_seconds(60)
    scrubber.step()
    assert scrubber.lost == 1
    assert announced(core, record["file_id"])[-1] == "lost"
    chunked_file(core, CONTENT)
    clock.pass_seconds(60)
    scrubber.step()
    assert (scrubber.lost, marks(core)) == (0, [])
    assert announced(core, record["file_id"])[-1] == "repaired"


def test_the_age_of_the_oldest_bytes_follows_from_the_pass(core: Core, clock: Clock) -> None:
    for _ in range(3):
        processed_file(core, CONTENT)
        clock.pass_seconds(DAY)
    scrubber = Scrubber(core, holder="one")
    scrubber.step()
    run_until_read(scrubber, clock)
    age = scrubber.oldest_unverified_seconds
    assert age < 60
    clock.pass_seconds(DAY)
    scrubber.step()
    assert scrubber.oldest_unverified_seconds == age + DAY
    # The next pass begins before the limit, and until its end the bytes of the last one are the oldest.
    clock.pass_seconds(8 * DAY)
    scrubber.step()
    run_until_read(scrubber, clock)
    assert scrubber.oldest_unverified_seconds < 60


def test_before_the_first_pass_the_oldest_file_is_the_oldest(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("files_service.worker.scrubber.TURN_BYTES", 1)
    monkeypatch.setattr("files_service.worker.scrubber.TURN_SECONDS", 0)
    for _ in range(3):
        processed_file(core, CONTENT)
        clock.pass_seconds(DAY)
    scrubber = Scrubber(core, holder="one")
    ages = []
    for _ in range(100):
        clock.pass_seconds(scrubber.step())
        progress = scrubber._progress
        assert progress is not None
        if progress.ended_at is not None:
            break
        ages.append(round(scrubber.oldest_unverified_seconds / DAY))
    assert sorted(set(ages), reverse=True) == [3, 2, 1]


@pytest.mark.parametrize(("gib", "rate"), [(0.01, LEAST_RATE), (2_000, None), (10**6, MOST_RATE)])
def test_the_rate_follows_from_the_stock(
    core: Core, clock: Clock, gib: float, rate: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = processed_file(core, CONTENT)
    usage = core.metadata.usage(None)
    stock = replace(usage, total=replace(usage.total, bytes=int(gib * 2**30)))
    monkeypatch.setattr(core.metadata, "usage", lambda owner: stock)
    scrubber = Scrubber(core, holder="one")
    scrubber.step()
    expected = rate or gib * 2**30 / (0.9 * DAYS * DAY)
    assert scrubber._rate == pytest.approx(expected, rel=0.01)
    assert record["lost_parts"] == []


def test_a_turn_is_bounded_and_as_much_time_passes_without_reading(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = processed_file(core, bytes(3 * TURN_BYTES))
    scrubber = Scrubber(core, holder="one")
    read = []
    meanwhile(monkeypatch, core.blobs, "get", lambda: read.append(1))
    assert scrubber.step() == pytest.approx(TURN_BYTES / LEAST_RATE, rel=0.2)
    assert scrubber._progress is not None
    assert TURN_BYTES <= scrubber._progress.cost <= TURN_BYTES + MIB
    assert (read, record["lost_parts"]) == ([1], [])


def test_another_worker_goes_on_where_the_first_one_was(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("files_service.worker.scrubber.TURN_BYTES", 1)
    monkeypatch.setattr("files_service.worker.scrubber.TURN_SECONDS", 0)
    records = [chunked_file(core, CONTENT[index:]) for index in range(3)]
    one, two = Scrubber(core, holder="one"), Scrubber(core, holder="two")
    while one._walk.cursor.after is None:
        clock.pass_seconds(one.step())
    assert two.step() == RETRY_SECONDS
    one.give_up()
    stored = load_progress(core.metadata, now=clock())
    assert stored is not None
    assert stored.cursor.after is not None
    assert stored.cursor.after.file_id == records[0]["file_id"]
    # The first file was read already; what happens to it now is for the next pass.
    for record in records[::2]:
        remove(paths(core, record)[0])
    run_until_read(two, clock)
    assert marks(core) == [(records[2]["file_id"], "missing")]
    after = load_progress(core.metadata, now=clock())
    assert after is not None
    assert (after.began_at, after.cost > stored.cost) == (stored.began_at, True)


@pytest.mark.parametrize("seconds", [-100 * DAY, 100 * DAY])
def test_a_wall_clock_that_is_set_neither_stops_the_passes_nor_repeats_them(
    core: Core, clock: Clock, seconds: int
) -> None:
    timer = Clock()
    core = replace(core, timer=timer)
    processed_file(core, CONTENT)
    scrubber = Scrubber(core, holder="one")
    scrubber.step()
    assert scrubber._progress is not None
    first = scrubber._progress.began_at
    clock.pass_seconds(seconds)
    timer.pass_seconds(60)
    scrubber.step()
    restarted = Scrubber(core, holder="one")
    for each in (scrubber, restarted):
        timer.pass_seconds(9.5 * DAY)
        for _ in range(3):
            each.step()
            timer.pass_seconds(60)
        assert each._progress is not None
        assert each._progress.began_at != first


def test_nothing_is_read_with_scrub_days_0_and_repair_goes_on(core: Core, clock: Clock) -> None:
    core = replace(core, settings=replace(core.settings, scrub_days=0))
    record = chunked_file(core, CONTENT)
    scrubber = Scrubber(core, holder="one")
    scrubber.step()
    assert load_progress(core.metadata, now=clock()) is None
    remove(paths(core, record)[0])
    report = call(core, "files.sync", deep=True)
    while report["next_cursor"]:
        report = call(core, "files.sync", deep=True, cursor=report["next_cursor"])
    assert marks(core) == [(record["file_id"], "missing")]
    chunked_file(core, CONTENT)
    clock.pass_seconds(60)
    scrubber.step()
    assert marks(core) == []


def test_a_new_file_of_the_same_bytes_repairs_a_blob_within_a_step(core: Core, clock: Clock) -> None:
    worker = Worker(core, LogPublisher())
    record = processed_file(core, CONTENT)
    worker.relay.step()
    rot(paths(core, record)[0])
    run_until_read(worker.scrubber, clock)
    assert marks(core) == [(record["file_id"], "rotten")]
    processed_file(core, CONTENT)
    worker.relay.step()
    worker.scrubber.step()
    assert marks(core) == []
    assert paths(core, record)[0].read_bytes() == CONTENT
    assert len(call(core, "files.download", file_id=record["file_id"])["urls"]) == 1


def test_a_repair_that_fails_holds_up_neither_the_walk_nor_other_repairs(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(core, LogPublisher())
    first, second = processed_file(core, CONTENT), processed_file(core, CONTENT[1:])
    worker.relay.step()
    for record in (first, second):
        rot(paths(core, record)[0])
    run_until_read(worker.scrubber, clock)
    assert len(marks(core)) == 2
    for content in (CONTENT, CONTENT[1:]):
        processed_file(core, content)
    worker.relay.step()
    writer, key = core.blobs.writer, paths(core, first)[0].parent
    tried = []

    def refuse(into: str, **how: Any) -> BlobWriter:
        if str(key).endswith(f"/{into}.blob"):
            tried.append(into)
            raise StorageUnavailable("no room")
        return writer(into, **how)

    monkeypatch.setattr(core.blobs, "writer", refuse)
    for _ in range(3):
        clock.pass_seconds(worker.scrubber.step())
    assert [found[0] for found in marks(core)] == [first["file_id"]]
    # A pass ends meanwhile, and after some attempts the file is left alone.
    clock.pass_seconds(DAYS * DAY)
    worker.scrubber.step()
    run_until_read(worker.scrubber, clock)
    for _ in range(100):
        clock.pass_seconds(60)
        worker.scrubber.step()
    assert len(tried) == MOST_REPAIRS


def test_a_mark_whose_bytes_cannot_be_looked_at_keeps_no_other_mark(
    core: Core, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [processed_file(core, CONTENT[index:]) for index in range(3)]
    stored = {path: path.read_bytes() for record in records for path in paths(core, record)}
    for path in stored:
        remove(path)
    scrubber = Scrubber(core, holder="one")
    run_until_read(scrubber, clock)
    assert len(marks(core)) == 3
    refused = marks(core)[0][0]
    for path, content in stored.items():
        path.write_bytes(content)
    get = core.metadata.get

    def refuse(asked: str) -> FileRecord:
        if asked == refused:
            raise StorageUnavailable("the record cannot be read")
        return get(asked)

    monkeypatch.setattr(core.metadata, "get", refuse)
    clock.pass_seconds(60)
    scrubber.step()
    assert [file_id for file_id, _ in marks(core)] == [refused]
    assert scrubber.lost == 1
