"""Workers that are killed, brokers and disks that fail: real processes and threads, on SQLite and the local disk."""

from __future__ import annotations

import errno
import hashlib
import mmap
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from files_service.core import Core
from files_service.messaging.events import EventPublisher
from files_service.services.hooks import ProcessingHook, ReadPart
from files_service.worker.run import Worker
from storage_adapters import JSON, BlobNotFound, FileRecord, SupportsChanges
from tests.cores import announced, call, pending_file, processed_file, put_parts, sqlite_core, uploaded_file
from tests.faults.world import FilePublisher
from tests.feeds import file_changes
from tests.publishers import Collector
from tests.waiting import wait_until

DEADLINE = 120
until = partial(wait_until, seconds=DEADLINE)
LEASE_SECONDS = 1
# A worker on a busy machine may be kept from renewing a lease for longer than the shortest one lasts.
LONG_LEASE_SECONDS = 60


def status(core: Core, record: JSON) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def is_stored(core: Core, record: JSON) -> bool:
    try:
        core.blobs.head(record["parts"][0]["key"])
    except BlobNotFound:
        return False
    return True


@contextmanager
def opened(folder: Path, **settings: Any) -> Iterator[Core]:
    core = sqlite_core(folder, **{"lease_seconds": LEASE_SECONDS, "sweep_interval_seconds": 1, **settings})
    try:
        yield core
    finally:
        core.close()


@contextmanager
def working(core: Core, publisher: EventPublisher) -> Iterator[Worker]:
    worker = Worker(core, publisher)
    worker.start()
    try:
        yield worker
    finally:
        assert worker.stop(DEADLINE)


class SharedClock:
    """A clock of this process and of those that it forks, which the test puts forward."""

    def __init__(self) -> None:
        self._ahead = memoryview(mmap.mmap(-1, 8)).cast("q")

    def pass_seconds(self, seconds: int) -> None:
        self._ahead[0] += seconds * 1_000

    def of(self, core: Core) -> Core:
        """The same core by this clock."""
        clock, timer = core.clock, core.timer
        return replace(core, clock=lambda: clock() + self._ahead[0], timer=lambda: timer() + self._ahead[0])


def forked_worker(folder: Path, as_told: Callable[[Core], Core] = lambda core: core, **settings: Any) -> int:
    """Start a worker in a process of its own, which ends when it is killed. Returns its process id."""
    child = os.fork()
    if child == 0:
        _work_until_killed(folder, as_told, settings)
    return child


def _work_until_killed(folder: Path, as_told: Callable[[Core], Core], settings: dict[str, Any]) -> NoReturn:
    try:
        with opened(folder, **settings) as core:
            Worker(as_told(core), FilePublisher(folder)).start()
            # Not for ever: a test that breaks leaves nothing running.
            threading.Event().wait(2 * DEADLINE)
    finally:
        os._exit(1)


def kill(child: int) -> None:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def expected_ids(core: Core) -> list[str]:
    assert isinstance(core.metadata, SupportsChanges)
    changes = file_changes(core.metadata, after="", limit=1_000_000)
    return [f"{change.file_id}:{change.revision}" for change in changes if change.event is not None]


def published_ids(folder: Path) -> list[str]:
    """Event ids in the order of their first announcement."""
    return list(dict.fromkeys(each["event_id"] for each in FilePublisher(folder).published()))


def assert_all_announced_once(core: Core, folder: Path) -> None:
    until(lambda: len(published_ids(folder)) == len(expected_ids(core)))
    assert published_ids(folder) == expected_ids(core)
    processed = {(e["payload"]["file_id"], e["event_id"]) for e in FilePublisher(folder).published() if _is_done(e)}
    assert len(processed) == len({file_id for file_id, _ in processed})


def _is_done(event: JSON) -> bool:
    return bool(event["event"] == "processed")


class Telling(ProcessingHook):
    """Writes to a pipe that it has begun, and reads the file over and over until it is killed."""

    def __init__(self, writer: int) -> None:
        self._writer = writer

    def process(self, record: FileRecord, read: ReadPart) -> Mapping[str, Any]:
        os.write(self._writer, b"begun")
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            for _ in read(record.parts[0]):
                pass
        return {}


def test_a_worker_killed_while_it_processes_a_big_file_is_replaced(folder: Path) -> None:
    content = bytes(32 * 1024 * 1024)
    with opened(folder) as core:
        record = pending_file(core, parts=[{"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}])
        put_parts(core, record, [content])
        call(core, "files.finish", file_id=record["file_id"], part_id="p0")
    reader, writer = os.pipe()
    clock = SharedClock()
    hooks = (Telling(writer),)
    child = forked_worker(folder, lambda core: replace(clock.of(core), hooks=hooks), lease_seconds=LONG_LEASE_SECONDS)
    try:
        os.close(writer)
        assert os.read(reader, 5) == b"begun"
        os.close(reader)
        with opened(folder, lease_seconds=LONG_LEASE_SECONDS) as core, working(clock.of(core), FilePublisher(folder)):
            # As long as it lives and reads, nobody else gets the file.
            for _ in range(3):
                until_ms = lease_end(core, record)
                clock.pass_seconds(LONG_LEASE_SECONDS // 2 + 1)
                until(lambda until_ms=until_ms: lease_end(core, record) > until_ms)  # type: ignore[misc]
            assert status(core, record) == "processing"
            kill(child)
            child = 0
            clock.pass_seconds(LONG_LEASE_SECONDS + 1)
            until(lambda: status(core, record) == "processed")
            assert_all_announced_once(core, folder)
            assert call(core, "files.info", file_id=record["file_id"])["error"] is None
    finally:
        if child:
            kill(child)


def lease_end(core: Core, record: JSON) -> int:
    lease = core.metadata.get(record["file_id"]).lease
    assert lease is not None
    return lease.until


def test_workers_that_are_killed_again_and_again_lose_and_repeat_nothing(folder: Path) -> None:
    records: list[JSON] = []
    with opened(folder) as core:
        records += [uploaded_file(core, name=f"first {number}") for number in range(10)]
    children = [forked_worker(folder) for _ in range(2)]
    try:
        for round_number in range(6):
            with opened(folder) as core:
                for number in range(10):
                    records.append(uploaded_file(core, name=f"{round_number}-{number}"))
                    if number == 5:
                        kill(children.pop(0))
                until(lambda: sum(status(core, record) == "processed" for record in records) > len(records) // 2)
            children.append(forked_worker(folder))
    finally:
        for child in children:
            kill(child)
    with opened(folder) as core, working(core, FilePublisher(folder)):
        until(lambda: all(status(core, record) == "processed" for record in records))
        assert_all_announced_once(core, folder)


def test_two_workers_in_two_processes_share_the_work(folder: Path) -> None:
    with opened(folder):
        pass
    child = forked_worker(folder)
    try:
        with opened(folder) as core, working(core, FilePublisher(folder)):
            records = [uploaded_file(core) for _ in range(40)]
            until(lambda: all(status(core, record) == "processed" for record in records))
            assert_all_announced_once(core, folder)
    finally:
        kill(child)


def test_a_broker_that_is_away_for_a_while_gets_everything_in_order_afterwards(folder: Path) -> None:
    publisher = Collector(broken=True)
    with opened(folder) as core, working(core, publisher) as worker:
        records = [uploaded_file(core) for _ in range(20)]
        until(lambda: all(status(core, record) == "processed" for record in records))
        until(lambda: publisher.attempts >= 3)
        assert publisher.events == []
        until(lambda: worker.failing() == ["relay"])
        until(lambda: worker.relay.lag_changes > 0)
        publisher.broken = False
        until(lambda: len(publisher.ids) == len(expected_ids(core)))
        assert publisher.ids == expected_ids(core)
        until(lambda: worker.failing() == [])


def test_a_broker_that_fails_now_and_then_gets_everything_in_order(folder: Path) -> None:
    publisher = Collector()
    with opened(folder) as core, working(core, publisher):
        for number in range(30):
            if number % 10 == 0:
                publisher.failures = 2
            uploaded_file(core)
        until(lambda: announced(core).count("processed") == 30)
        until(lambda: len(publisher.ids) == len(expected_ids(core)))
        assert publisher.ids == expected_ids(core)
        assert publisher.attempts > len(publisher.ids)


def test_deletions_that_the_disk_refuses_are_made_up_for_by_the_worker(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename
    with opened(folder) as core:
        # Addresses that are soon over: then the bytes may go for good.
        records = [processed_file(core, expires_seconds=1) for _ in range(3)]
    with opened(folder, upload_ttl_seconds=1) as core:
        refused: list[object] = []

        def full(source: Any, *args: Any, **kwargs: Any) -> None:
            if str(source).endswith(".blob"):
                refused.append(source)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            rename(source, *args, **kwargs)

        with working(core, Collector()) as worker:
            with monkeypatch.context() as patch:
                patch.setattr(os, "rename", full)
                for record in records:
                    call(core, "files.remove", file_id=record["file_id"])
                until(lambda: worker.sweeper.totals["errors"] >= 2)
                assert refused
                assert worker.alive()
            until(lambda: not any(is_stored(core, record) for record in records))
            until(lambda: core.metadata.unclean(now=2**53, limit=10) == [])


def test_a_disk_that_is_full_refuses_uploads_and_nothing_is_left_of_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as core:
        record = pending_file(core)

        def full(descriptor: int, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(Exception, match="No space"):
                put_parts(core, record, [b"content"])
        put_parts(core, record, [b"content"])
        with working(core, Collector()):
            call(core, "files.finish", file_id=record["file_id"], part_id="p0")
            until(lambda: status(core, record) == "processed")
