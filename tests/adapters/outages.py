"""What a server of a metadata store is put through, whichever it is: killed under writers, or standing still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self, TypeVar

import pytest

from storage_adapters import MetadataStore, StorageUnavailable
from tests.contract.metadata_scenes import delete, make_record, revision_of, save
from tests.servers.private import PrivateServer
from tests.waiting import wait_until

T = TypeVar("T")

WRITERS = 3
WAIT_SECONDS = 300
STANDS_STILL_SECONDS = 300


class Writers:
    """Threads that create, change and delete files at full speed, and go on after whatever is unavailable.

    ``told`` has the latest revision of each file that was acknowledged.
    """

    def __init__(self, store: MetadataStore) -> None:
        self.told: dict[str, int] = {}
        self._store = store
        self._stopped = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(f"w{number}",)) for number in range(WRITERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
        assert self._failures == []

    def write(self, files: int) -> None:
        """Return once so many more files are there."""
        wanted = len(self.told) + files
        otherwise = "nothing is written after a restart"
        wait_until(lambda: len(self.told) >= wanted, seconds=WAIT_SECONDS, otherwise=otherwise)

    def _run(self, name: str) -> None:
        index = 0
        while not self._stopped.is_set():
            index += 1
            try:
                self._write(f"{name}-{index:05}", index, name)
            except StorageUnavailable:
                continue
            except BaseException as error:
                self._failures.append(error)
                raise

    def _write(self, file_id: str, index: int, owner: str) -> None:
        record = save(self._store, make_record(file_id, owner=owner, alias=f"{index}", tags=("red",)))
        self.told[file_id] = 1
        record = save(self._store, record, name="changed", tags=("green",))
        self.told[file_id] = 2
        if index % 3 == 0:
            delete(self._store, record)
            self.told[file_id] = 3


def in_time(call: Callable[[], T]) -> T:
    """Return the result of a call with a short timeout, which a busy machine may overrun now and then."""
    found: list[T] = []

    def answered() -> bool:
        with suppress(StorageUnavailable):
            found.append(call())
        return bool(found)

    wait_until(answered, seconds=WAIT_SECONDS)
    return found[0]


def assert_kills_lose_nothing(store: MetadataStore, server: PrivateServer, *, files: Sequence[int]) -> None:
    """Kill the server and start it again under writers, each time after so many files more."""
    with Writers(store) as writers:
        for count in files:
            writers.write(count)
            server.kill()
            server.start()
    store.ping()
    for file_id, revision in writers.told.items():
        assert revision_of(store, file_id) - revision in (0, 1)


def assert_unavailable_while_it_stands_still(server: PrivateServer, calls: Sequence[Callable[[], Any]]) -> None:
    """Pause the server: each of the calls ends by itself, before the server is resumed."""
    server.pause()
    finished = threading.Event()

    def resume_in_the_end() -> None:
        finished.wait(STANDS_STILL_SECONDS)
        server.resume()

    rescue = threading.Thread(target=resume_in_the_end)
    rescue.start()
    try:
        for call in calls:
            with pytest.raises(StorageUnavailable):
                call()
        assert rescue.is_alive(), "the server was resumed before all calls had ended"
    finally:
        finished.set()
        rescue.join()
