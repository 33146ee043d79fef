"""Several processes on one SQLite file: they write together, fork, and are killed at any moment."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from storage_adapters.metadata.sqlite import SqliteMetadataStore
from tests.adapters.local_disk import Child
from tests.adapters.sqlite_files import assert_intact, opened
from tests.adapters.writers import grow, write_for_ever, write_some
from tests.contract.blob_scenes import in_threads
from tests.contract.metadata_scenes import delete, make_record, revision_of, save
from tests.waiting import PATIENCE_SECONDS

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "files.db"


def test_processes_that_write_at_the_same_moment_lose_nothing(path: Path) -> None:
    with opened(path) as store:
        save(store, make_record("shared", size=0))
        processes = [
            SPAWN.Process(target=write_some, args=(f"sqlite:///{path}", f"w{number}", 25)) for number in range(3)
        ]
        for process in processes:
            process.start()
        write_some(f"sqlite:///{path}", "here", 25)
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
        assert store.get("shared").size == 100
        assert store.get("shared").revision == 101
    assert len(assert_intact(path)) == 101


def acknowledged_until_killed(path: Path, name: str, writes: int) -> Iterator[tuple[str, int]]:
    """Run a writer, kill it after so many acknowledgements and perhaps in the middle of the next; what it told."""
    reading: Connection
    reading, writing = SPAWN.Pipe(duplex=False)
    process: SpawnProcess = SPAWN.Process(target=write_for_ever, args=(f"sqlite:///{path}", name, writing))
    process.start()
    writing.close()
    for _ in range(writes):
        assert reading.poll(60), "the writer does not write"
        yield reading.recv()
    process.kill()
    process.join(60)
    while reading.poll(0):
        try:
            yield reading.recv()
        except EOFError:
            break
    reading.close()


def test_a_killed_writer_leaves_whole_writes_and_all_that_it_acknowledged(path: Path) -> None:
    chance = random.Random(7)
    with opened(path) as survivor:
        for attempt in range(6):
            told: dict[str, int] = {}
            for number, (file_id, revision) in enumerate(
                acknowledged_until_killed(path, f"w{attempt}", chance.randrange(1, 40))
            ):
                told[file_id] = revision
                if number % 5 == 0:
                    save(survivor, make_record(f"survivor {attempt} {number}", owner="survivor"))
            for file_id, revision in told.items():
                assert revision_of(survivor, file_id) - revision in (0, 1)
            assert len([file_id for file_id in told if file_id.startswith(f"w{attempt}")]) == len(told)
    assert_intact(path)


def test_a_torn_log_holds_a_whole_number_of_writes(path: Path) -> None:
    """A power cut may lose the end of the log: wherever it is cut, what is left is the state after some write."""
    with opened(path) as store:
        save(store, make_record("f0", alias="first"))
    with opened(path) as store:
        record = save(store, make_record("f1", alias="second", tags=("red",)))
        record = save(store, record, name="renamed", size=7)
        delete(store, record)
        whole = {suffix: path.with_name(path.name + suffix).read_bytes() for suffix in ("", "-wal")}
    log, seen = whole["-wal"], []
    frame = 24 + 4096
    cuts = [0, 31, *(32 + frame * n + part for n in range((len(log) - 32) // frame) for part in (0, 2000)), len(log)]
    for number, cut in enumerate(cuts):
        copy = path.with_name(f"cut{number}.db")
        copy.write_bytes(whole[""])
        copy.with_name(copy.name + "-wal").write_bytes(log[:cut])
        records = {record.file_id: record.revision for record in assert_intact(copy)}
        with opened(copy) as store:
            seen.append((records, len(store.changes(after="", limit=10))))
    assert seen == sorted(seen, key=lambda state: state[1])
    assert [state for number, state in enumerate(seen) if state not in seen[:number]] == [
        ({"f0": 1}, 1),
        ({"f0": 1, "f1": 1}, 2),
        ({"f0": 1, "f1": 2}, 3),
        ({"f0": 1}, 4),
    ]


def test_a_copy_of_the_files_of_a_running_store_is_taken_up_whole(path: Path) -> None:
    with opened(path) as store:
        for number in range(10):
            save(store, make_record(f"f{number}"))
        for suffix in ("", "-wal"):
            shutil.copy(path.with_name(path.name + suffix), path.with_name(f"copy.db{suffix}"))
    assert len(assert_intact(path.with_name("copy.db"))) == 10


def test_forked_children_use_the_store_of_their_parent_while_its_threads_go_on(path: Path) -> None:
    with opened(path) as store:
        save(store, make_record("shared", size=0))

        def in_child(number: int) -> int:
            inherited = set(map(id, store._connections._open))
            for index in range(10):
                save(store, make_record(f"child {number}-{index}"))
                grow(store, "shared")
            assert inherited == set()
            return len(store._connections._open)

        def work(number: int) -> None:
            if number < 2:
                for index in range(20):
                    save(store, make_record(f"thread {number}-{index}"))
                    grow(store, "shared")
                return
            children = [Child(lambda child=child: in_child(child)) for child in range(4)]  # type: ignore[misc]
            assert [child.result() for child in children] == [1] * 4

        assert in_threads(3, work) == [None] * 3
        assert store.get("shared").size == 80
    assert len(assert_intact(path)) == 81


def test_a_child_that_outlives_its_parents_connections_keeps_its_writes(path: Path) -> None:
    """The last connection to go tidies up the log; it must know of a forked child's connection."""
    store = SqliteMetadataStore(path)
    save(store, make_record("before"))
    reading, writing = multiprocessing.Pipe(duplex=False)

    def in_child() -> bool:
        save(store, make_record("open"))
        assert reading.poll(30)
        for number in range(20):
            save(store, make_record(f"after {number}"))
        return True

    child = Child(in_child)
    with opened(path) as other:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not other.changes(after="1", limit=1):
            assert time.monotonic() < deadline
    store.close()
    writing.send("closed")
    assert child.result() is True
    reading.close()
    writing.close()
    assert len(assert_intact(path)) == 22
