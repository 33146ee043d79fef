"""Several processes on one local blob store, some of which die: at any moment, in any call."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import resource
from functools import partial
from pathlib import Path

import pytest

from storage_adapters import BlobExists, BlobNotFound, StorageUnavailable
from tests.adapters.local_disk import Child, assert_tidy, open_local
from tests.contract.blob_scenes import KEY, MIB, NOW, put, read
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


def test_a_limit_of_the_real_system_is_reported_in_the_middle_of_a_write(root: Path) -> None:
    def fill() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
        store = open_local(root)
        with pytest.raises(StorageUnavailable, match="too large"):
            store.put(KEY, [b"x" * 3 * MIB], content_type="text/plain", now=NOW)
        assert_tidy(root)
        return put(store, content=b"x" * MIB).key

    assert Child(fill).result() == KEY
    store = open_local(root)
    assert read(store) == b"x" * MIB
    store.close()


def test_what_a_dead_process_left_is_swept_and_the_living_are_left_alone(root: Path) -> None:
    def die() -> None:
        writer = open_local(root).writer("dead", content_type="text/plain", now=NOW)
        writer.write(b"x")
        os._exit(0)

    living = open_local(root)
    writer = living.writer("alive", content_type="text/plain", now=NOW)
    writer.write(b"x")
    assert Child(die).result() is None
    (root / "tmp/0123456789abcdef").mkdir()
    (root / "tmp/0123456789abcdef/content").write_bytes(b"x")
    assert len(list(root.glob("tmp/*/*"))) == 3

    second = open_local(root)

    assert_tidy(root, unfinished=1)
    assert len(list(root.glob("tmp/*.lock"))) == 2
    writer.commit(declared={"size": 1})
    assert read(second, "alive") == b"x"
    living.close()
    second.close()


def test_a_store_that_was_swept_while_it_opened_begins_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock = fcntl.flock

    def flock_after_a_sweep(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        open_local(root).close()
        assert os.fstat(descriptor).st_nlink == 0
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock_after_a_sweep)
    store = open_local(root)
    writer = store.writer(KEY, content_type="text/plain", now=NOW)
    open_local(root).close()
    writer.commit(declared={})
    assert read(store) == b""
    store.close()


def test_of_several_processes_that_write_one_key_exactly_one_wins(root: Path) -> None:
    rounds = 10
    barrier = multiprocessing.get_context("fork").Barrier(3)

    def contend(number: int) -> list[int]:
        store = open_local(root)
        won = []
        for round_ in range(rounds):
            writer = store.writer(f"race/{round_}/x", content_type="text/plain", now=NOW)
            writer.write(b"%d" % number)
            barrier.wait(PATIENCE_SECONDS)
            try:
                writer.commit(declared={})
                won.append(round_)
            except BlobExists:
                pass
            barrier.wait(PATIENCE_SECONDS)
        return won

    children = [Child(partial(contend, number)) for number in range(3)]
    won = [child.result() or [] for child in children]
    assert sorted(won[0] + won[1] + won[2]) == list(range(rounds))
    store = open_local(root)
    for number, mine in enumerate(won):
        for round_ in mine:
            assert read(store, f"race/{round_}/x") == b"%d" % number
    store.close()
    assert_tidy(root)


def test_processes_that_put_and_delete_in_one_folder_do_not_disturb_each_other(root: Path) -> None:
    def work(number: int) -> int:
        store = open_local(root)
        for round_ in range(60):
            put(store, f"owner/file/{number}", b"%d" % round_)
            assert read(store, f"owner/file/{number}") == b"%d" % round_
            store.delete(f"owner/file/{number}")
            with pytest.raises(BlobNotFound):
                store.head(f"owner/file/{number}")
        return number

    children = [Child(partial(work, number)) for number in range(3)]
    assert [child.result() for child in children] == [0, 1, 2]
    open_local(root).close()
    assert_tidy(root)
    assert list((root / "blobs").iterdir()) == []


def test_processes_that_open_and_close_the_store_do_not_sweep_each_other(root: Path) -> None:
    def work(number: int) -> int:
        for round_ in range(30):
            store = open_local(root)
            put(store, f"{number}/{round_}")
            if round_ % 2:
                store.close()
        return number

    children = [Child(partial(work, number)) for number in range(3)]
    assert [child.result() for child in children] == [0, 1, 2]
    open_local(root).close()
    assert list((root / "tmp").iterdir()) == []
    assert len(list(root.glob("blobs/*/*.blob"))) == 90
