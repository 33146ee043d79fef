"""Writers of one process that wait for each other share a transaction and its one sync."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from storage_adapters import NameTaken, RecordNotFound, StorageUnavailable
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from storage_adapters.metadata.sqlite.group_commit import MOST_WRITERS, Group
from tests.adapters.sqlite_files import opened
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import make_record, save
from tests.waiting import wait_until

SECONDS = 120


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteMetadataStore]:
    with opened(tmp_path / "files.db") as store:
        yield store


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2 * MOST_WRITERS) as pool:
        yield pool


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many writers each commit was for."""
    seen: list[int] = []
    real = Group.commit

    def commit(group: Group) -> None:
        seen.append(group.writers)
        real(group)

    monkeypatch.setattr(Group, "commit", commit)
    return seen


class Writer:
    """A writer that has begun, and ends when it is told."""

    def __init__(self, store: SqliteMetadataStore, pool: ThreadPoolExecutor) -> None:
        self._store = store
        self._begun, self._may_end = threading.Event(), threading.Event()
        self.fails = False
        self.result = pool.submit(self._write)
        assert self._begun.wait(SECONDS)

    def _write(self) -> None:
        with self._store._connections.writing() as connection:
            self._begun.set()
            assert self._may_end.wait(SECONDS)
            if self.fails:
                # As SQLite does by itself when the disk is full.
                connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("disk is full")

    def end(self) -> None:
        self._may_end.set()


def waiting(store: SqliteMetadataStore, writers: int) -> None:
    """Wait until so many writers wait for their turn."""
    wait_until(lambda: store._connections._writers._waiting == writers, seconds=SECONDS)


def saves(store: SqliteMetadataStore, pool: ThreadPoolExecutor, count: int) -> list[Future[object]]:
    return [pool.submit(partial(save, store, make_record(f"f{number}", alias=f"a{number}"))) for number in range(count)]


def test_writers_that_waited_for_another_share_its_commit(
    store: SqliteMetadataStore, pool: ThreadPoolExecutor, commits: list[int]
) -> None:
    first = Writer(store, pool)
    results = saves(store, pool, 7)
    waiting(store, 7)
    first.end()
    assert {result.result(SECONDS) for result in [first.result]} == {None}
    assert len([result.result(SECONDS) for result in results]) == 7
    assert commits == [8]
    assert len(assert_consistent(store)) == 7


def test_a_group_has_a_limit(store: SqliteMetadataStore, pool: ThreadPoolExecutor, commits: list[int]) -> None:
    first = Writer(store, pool)
    results = saves(store, pool, MOST_WRITERS + 3)
    waiting(store, MOST_WRITERS + 3)
    first.end()
    for result in results:
        result.result(SECONDS)
    assert commits == [MOST_WRITERS, 4]


def test_a_writer_alone_commits_at_once(store: SqliteMetadataStore, commits: list[int]) -> None:
    save(store, save(store, make_record()))
    assert commits == [1, 1]


def test_nobody_returns_and_nothing_is_seen_before_the_commit(
    store: SqliteMetadataStore, pool: ThreadPoolExecutor
) -> None:
    first = Writer(store, pool)
    [saved] = saves(store, pool, 1)
    waiting(store, 1)
    last = pool.submit(Writer, store, pool)
    waiting(store, 2)
    first.end()
    # The two may have their turns in either order; whichever is last, the transaction is open until it ends.
    writer = last.result(SECONDS)
    assert not first.result.done()
    assert not saved.done()
    with pytest.raises(RecordNotFound):
        store.get("f0")
    writer.end()
    assert store.get(saved.result(SECONDS).file_id) == saved.result(SECONDS)  # type: ignore[attr-defined]
    first.result.result(SECONDS)


def test_a_writer_that_fails_takes_back_its_own_changes_alone(
    store: SqliteMetadataStore, pool: ThreadPoolExecutor, commits: list[int]
) -> None:
    save(store, make_record("f9", alias="film"))
    first = Writer(store, pool)
    results = saves(store, pool, 3)
    refused = pool.submit(partial(save, store, make_record("f8", alias="film", tags=("lost",))))
    waiting(store, 4)
    first.end()
    for result in results:
        result.result(SECONDS)
    with pytest.raises(NameTaken):
        refused.result(SECONDS)
    assert commits == [1, 5]
    assert {record.file_id for record in assert_consistent(store)} == {"f0", "f1", "f2", "f9"}


def test_a_first_writer_that_fails_holds_nobody_up(
    store: SqliteMetadataStore, pool: ThreadPoolExecutor, commits: list[int]
) -> None:
    first = Writer(store, pool)
    first.fails = True
    results = saves(store, pool, 3)
    waiting(store, 3)
    first.end()
    with pytest.raises(StorageUnavailable, match="disk is full"):
        first.result.result(SECONDS)
    for result in results:
        result.result(SECONDS)
    assert commits == [1, 3]
    assert len(assert_consistent(store)) == 3


def test_when_the_transaction_fails_every_writer_hears_of_it(
    store: SqliteMetadataStore, pool: ThreadPoolExecutor
) -> None:
    first = Writer(store, pool)
    [saved] = saves(store, pool, 1)
    waiting(store, 1)
    last = pool.submit(Writer, store, pool)
    waiting(store, 2)
    first.end()
    writer = last.result(SECONDS)
    writer.fails = True
    writer.end()
    for result in (first.result, writer.result):
        with pytest.raises(StorageUnavailable, match="undone the transaction"):
            result.result(SECONDS)
    # The save was before the failure, and failed with it, or came after it.
    error = saved.exception(SECONDS)
    assert error is None or "undone the transaction" in str(error)
    assert len(assert_consistent(store)) == (error is None)
    save(store, make_record("f1"))
