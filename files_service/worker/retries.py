"""Planned retries of failed files: bounded, and shared fairly by owners."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import islice, zip_longest
from threading import Lock

from files_service.runtime.backoff import Backoff
from storage_adapters import FileRecord

MAX_PLANNED = 10_000


class Retries:
    """Failed files of this process, and the times of their next attempts.

    A file that finds no room is not planned: those that are planned come first, and the walk over failed files meets it
    again. If it took the place of another one, the delay of that one would begin anew, and with many files none ends.
    """

    def __init__(self) -> None:
        self._backoff = Backoff(first_ms=10_000, factor=4, longest_ms=600_000)
        self._owners: dict[str, str] = {}
        self._lock = Lock()
        self._turn = 0

    def plan(self, record: FileRecord, *, now: int) -> None:
        """Plan the next attempt of a failed file, unless the one after this failure is planned or there is no room."""
        assert record.error is not None
        file_id, attempts = record.file_id, record.error.attempts
        with self._lock:
            if file_id not in self._owners and len(self._owners) >= MAX_PLANNED:
                return
            if file_id not in self._owners or self._backoff.tries(file_id) != attempts:
                self._owners[file_id] = record.owner
                self._backoff.begin(file_id, attempts, now=now)

    def forget(self, file_id: str) -> None:
        """Remove the file's plan."""
        with self._lock:
            self._owners.pop(file_id, None)
            self._backoff.forget(file_id)

    def due(self, has_room: Callable[[str], bool], *, now: int, limit: int) -> list[tuple[str, str]]:
        """Return owners and files whose time has come: a file of each owner that has room, then a second, and so on.

        Each call begins with another owner, so that more owners than ``limit`` have their turn.
        """
        by_owner: dict[str, list[str]] = defaultdict(list)
        with self._lock:
            for file_id in self._backoff.due(now=now):
                by_owner[self._owners[file_id]].append(file_id)
        queues = [[(owner, file_id) for file_id in files] for owner, files in by_owner.items() if has_room(owner)]
        first = self._turn % len(queues) if queues else 0
        self._turn += limit
        rounds = zip_longest(*queues[first:], *queues[:first])
        return list(islice((found for each in rounds for found in each if found is not None), limit))
