"""A SeaweedFS whose processes are killed and come back: what was acknowledged is there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from storage_adapters import BlobExists, BlobStore, StorageUnavailable
from storage_adapters.blobs.s3 import S3BlobStore
from tests.adapters.s3_buckets import opened
from tests.servers.seaweedfs import SeaweedCluster
from tests.waiting import PATIENCE_SECONDS, wait_until

WRITERS = 4
BEFORE, AFTER = 12, 12


class Writers:
    """Threads that write blobs one after the other, each again until it is acknowledged."""

    def __init__(self, store: S3BlobStore, kind: str) -> None:
        self.acknowledged: dict[str, bytes] = {}
        self._store, self._kind, self._stopping = store, kind, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, count: int) -> None:
        """Wait until so many more blobs are acknowledged."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, seconds=PATIENCE_SECONDS)

    def _run(self, writer: int) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            key = f"{self._kind}/{writer}/{number}"
            # Every fifth is sent in parts.
            content = hashlib.sha256(key.encode()).digest() * (300_000 if number % 5 == 0 else 1_000)
            if self._is_written(key, content):
                self.acknowledged[key] = content

    def _is_written(self, key: str, content: bytes) -> bool:
        while not self._stopping.is_set():
            # The answer to an earlier attempt may have been lost.
            with suppress(BlobExists):
                try:
                    self._store.put(key, [content], content_type="a/b", now=1)
                except StorageUnavailable:
                    continue
            return True
        return False


def assert_all_there(store: BlobStore, acknowledged: dict[str, bytes]) -> None:
    for key, content in acknowledged.items():
        assert b"".join(store.get(key)) == content, key


def test_nothing_acknowledged_is_lost_when_processes_die_and_come_back(own_seaweedfs: SeaweedCluster) -> None:
    cluster = own_seaweedfs
    with opened(cluster.store_url(timeout="5")) as store:

        def outage(kind: str, away: Callable[[], None]) -> None:
            with Writers(store, kind) as writers:
                writers.wait_for(BEFORE)
                away()
                writers.wait_for(AFTER)
            assert_all_there(store, writers.acknowledged)

        def volume() -> None:
            cluster.processes["volume0"].kill()
            # Each byte is on two of the three: what is there can be read, and the others take what is new.
            wait_until(lambda: answers(store), seconds=PATIENCE_SECONDS)
            cluster.processes["volume0"].start()

        def filer() -> None:
            cluster.processes["filer"].kill()
            cluster.processes["filer"].start()

        outage("volume", volume)
        outage("filer", filer)


def answers(store: BlobStore) -> bool:
    """Return True when a blob can be written and read."""
    try:
        store.put("probe", [b"x"], content_type="a/b", now=1)
    except StorageUnavailable:
        return False
    except BlobExists:
        pass
    return b"".join(store.get("probe")) == b"x"
