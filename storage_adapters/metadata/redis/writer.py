"""Conditional write of a file: one script carries out a plan while exactly that is stored of which it was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from storage_adapters.errors import NameTaken, RevisionConflict, StorageUnavailable
from storage_adapters.metadata.redis.keys import Keys
from storage_adapters.metadata.redis.records import parse_value, record_to_value
from storage_adapters.metadata.redis.server import Server, foreign_data
from storage_adapters.metadata.redis.writes import Move
from storage_adapters.records import FileRecord, Tombstone


class Writer:
    """Reads and writes of single files of a store."""

    def __init__(self, server: Server, keys: Keys) -> None:
        self._server = server
        self._keys = keys

    def load(self, file_id: str) -> tuple[bytes | None, FileRecord | Tombstone | None]:
        """Read what is stored of a file, and its value."""
        value = self._server.call("GET", self._keys.record(file_id))
        return value, None if value is None else parse_value(file_id, value)

    def write(
        self, script: str, file_id: str, revision: int, before: FileRecord | None, plan: Callable[..., Move]
    ) -> None:
        """Execute the plan made from ``before``, else from the record stored at the revision.

        The script compares whole values, so that nothing follows from a ``before`` that is not what is stored. What an
        earlier version stored may be other bytes for the same record; that is read once more.
        """
        if before is not None and (before.file_id, before.revision) == (file_id, revision):
            move = plan(before, stored=record_to_value(before))
            if self._run(script, move):
                return
        stored, old = self._expect(file_id, revision)
        if not self._run(script, plan(old, stored=stored)):
            raise RevisionConflict(f"file {file_id} was created, changed or deleted by another writer")

    def _expect(self, file_id: str, revision: int) -> tuple[bytes | None, FileRecord | None]:
        """Read the record that is about to change; the script makes sure that it is still the same."""
        if revision == 0:
            return None, None
        value, found = self.load(file_id)
        if value is None or found is None:
            raise RevisionConflict(f"there is no file {file_id}")
        if isinstance(found, Tombstone):
            raise RevisionConflict(f"file {file_id} was deleted")
        if found.revision != revision:
            raise RevisionConflict(f"file {file_id} is at revision {found.revision}, not {revision}")
        return value, found

    def _run(self, script: str, move: Move) -> bool:
        """Execute a move; return False if the stored state is not the planned one. Raises NameTaken."""
        answer: list[Any] = self._server.run(script, move.keys, move.arguments)
        match answer:
            case [0]:
                return True
            case [1]:
                return False
            case [2, number, holder]:
                _, kind, name = move.claims[number - 1]
                raise NameTaken(kind, name, holder.decode())
            case _:
                raise StorageUnavailable(foreign_data(answer[1]))
