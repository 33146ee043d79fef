"""Random writers, two syncers that are killed and paused, servers that are ended and started: nothing is lost."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage_adapters import (
    MARK,
    FileRecord,
    MetadataStore,
    NameTaken,
    RevisionConflict,
    StorageUnavailable,
    Tombstone,
    open_metadata_store,
)
from syncer.feed import copies_of
from syncer.options import Exit
from syncer.pair import state_of
from tests.contract.consistency import assert_consistent
from tests.contract.metadata_scenes import delete, make_record, save
from tests.feeds import file_changes
from tests.scale import NIGHTLY
from tests.servers.redis import RedisServer
from tests.syncer.pairs import assert_equal, open_pair_of
from tests.syncer.processes import SyncerProcess, run_syncer
from tests.waiting import wait_until

ROUNDS = 60 if NIGHTLY else 6
WRITERS = 3


class Writer(threading.Thread):
    """Makes, changes and deletes files, also under names of others, as long as it is let; waits for the store."""

    def __init__(self, url: str, number: int, stopping: threading.Event) -> None:
        super().__init__(name=f"writer {number}")
        self.file_ids: list[str] = []
        self.failure: Exception | None = None
        self._url, self._number, self._stopping = url, number, stopping
        self._chosen = random.Random(number)

    def run(self) -> None:
        try:
            store = self._open()
            while not self._stopping.wait(0.002):
                try:
                    self._write(store)
                except (NameTaken, RevisionConflict):
                    continue
                except StorageUnavailable:
                    self._stopping.wait(0.05)
            store.close()
        except Exception as error:
            self.failure = error

    def _open(self) -> MetadataStore:
        return open_metadata_store(self._url)

    def _write(self, store: MetadataStore) -> None:
        alias = self._chosen.choice([None, *(f"name {number}" for number in range(6))])
        if not self.file_ids or self._chosen.random() < 0.2:
            file_id = f"w{self._number}-{len(self.file_ids):05}"
            self.file_ids.append(file_id)
            save(store, make_record(file_id, created_at=1_700_000_000_000 + len(self.file_ids), alias=alias))
            return
        state = state_of(store, self._chosen.choice(self.file_ids))
        if isinstance(state, FileRecord):
            if self._chosen.random() < 0.1:
                delete(store, state)
            else:
                save(store, state, alias=alias, size=state.size + 1)


@contextmanager
def writing(url: str) -> Iterator[list[Writer]]:
    stopping = threading.Event()
    writers = [Writer(url, number, stopping) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        stopping.set()
        for writer in writers:
            writer.join()
            assert writer.failure is None


@contextmanager
def syncing(folder: Path, source_url: str, target_url: str) -> Iterator[list[SyncerProcess]]:
    processes = []
    for number in range(2):
        (folder / str(number)).mkdir()
        processes.append(SyncerProcess(folder / str(number), source_url, target_url))
    try:
        for process in processes:
            process.start()
        yield processes
    finally:
        for process in processes:
            process.kill()


def make_upheaval(
    chosen: random.Random, syncers: list[SyncerProcess], servers: list[Any], target: MetadataStore, old: list[list[Any]]
) -> None:
    """Do one bad thing, and leave everything running."""
    match chosen.choice(["kill", "kill", "pause", "server", "repeat"]):
        case "kill":
            syncer = chosen.choice(syncers)
            syncer.kill()
            syncer.start()
        case "pause":
            syncer = chosen.choice(syncers)
            syncer.signal(signal.SIGSTOP)
            threading.Event().wait(chosen.random())
            syncer.signal(signal.SIGCONT)
        case "server":
            server = chosen.choice(servers)
            server.kill()
            threading.Event().wait(chosen.random() / 2)
            server.start()
        case "repeat":
            # A batch from long ago arrives once more, and another one cut and turned round. Before the first syncer
            # has marked the target as its copy, they would be files of somebody else.
            for batch in old[:2]:
                replicated: Any = target
                try:
                    if not replicated.read_note(MARK):
                        continue
                    replicated.replicate(batch)
                    replicated.replicate(list(reversed(batch[::2])))
                except StorageUnavailable:
                    continue


@pytest.mark.timeout(1_800 if NIGHTLY else 900)
@pytest.mark.parametrize("kind", ["sqlite", "couchdb"])
def test_whatever_happens_meanwhile_both_stores_end_up_the_same(
    kind: str, own_redis: RedisServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chosen = random.Random(2026)
    servers: list[Any] = [own_redis]
    target_url = f"sqlite:///{tmp_path}/target.db"
    if kind == "couchdb":
        servers.append(request.getfixturevalue("own_couchdb"))
        target_url = f"{servers[-1].url}/files?timeout=60"
    pair = open_pair_of(own_redis.url, target_url)
    old: list[list[FileRecord | Tombstone]] = []
    with writing(own_redis.url) as writers, syncing(tmp_path, own_redis.url, target_url) as syncers:
        for _ in range(ROUNDS):
            threading.Event().wait(0.3)
            if own_redis_answers(pair.source):
                old.append(copies_of(pair, file_changes(pair.source, after="", limit=50)))
                chosen.shuffle(old)
            make_upheaval(chosen, syncers, servers, pair.target, old)
        for writer in writers:
            writer._stopping.set()
            writer.join()
        # Until the first backfill is over nothing says how far the copy is, and ``verify`` does not wait for it.
        wait_until(
            lambda: pair.source.checkpoint(pair.consumer) != "", seconds=300, otherwise="the backfill never ends"
        )
        urls = ("--source", own_redis.url, "--target", target_url)
        result = run_syncer("verify", *urls, "--wait", "300", seconds=500)
        logs = "\n".join(syncer.log()[-3_000:] for syncer in syncers)
        assert result.returncode == Exit.DONE, result.stdout + result.stderr + logs
        assert '"traceback"' not in logs
    # A comparison that has nothing to do with the syncer's own.
    assert len(assert_equal(pair)) > WRITERS
    for file_id in (file_id for writer in writers for file_id in writer.file_ids):
        assert state_of(pair.target, file_id) == state_of(pair.source, file_id)
    assert_consistent(pair.source)
    assert_consistent(pair.target)
    pair.close()


def own_redis_answers(store: MetadataStore) -> bool:
    """Whether the server is back since it was last ended."""
    try:
        store.ping()
    except StorageUnavailable:
        return False
    return True
