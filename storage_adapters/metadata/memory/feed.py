"""The change feed in memory: a dict of changes by their number, and the checkpoints of its consumers."""

from __future__ import annotations

from _thread import RLock
from dataclasses import replace
from itertools import islice

from storage_adapters.codec import record_from_document, record_to_document
from storage_adapters.errors import CheckpointConflict
from storage_adapters.metadata.memory.documents import copy_document
from storage_adapters.ports.documents import Document, DocumentChange
from storage_adapters.ports.metadata import SupportsChanges
from storage_adapters.records import Change, FileRecord


class MemoryFeed(SupportsChanges):
    """Changes and checkpoints behind the lock of the store."""

    _lock: RLock

    def __init__(self) -> None:
        super().__init__()
        self._changes: dict[int, Change | DocumentChange] = {}
        self._last_sequence = 0
        self._checkpoints: dict[str, str] = {}

    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """See ``SupportsChanges``."""
        with self._lock:
            start = max(int(after or 0) + 1, min(self._changes, default=self._last_sequence + 1))
            wanted = (number for number in range(start, self._last_sequence + 1) if number in self._changes)
            found = [self._changes[number] for number in islice(wanted, limit)]
        return [
            replace(change, record=copy_record(change.record))
            if isinstance(change, Change)
            else replace(change, document=copy_document(change.document))
            for change in found
        ]

    def withdraw_document_changes(self) -> int:
        """See ``SupportsDocuments``."""
        with self._lock:
            withdrawn = [number for number, change in self._changes.items() if isinstance(change, DocumentChange)]
            for number in withdrawn:
                del self._changes[number]
        return len(withdrawn)

    def last_sequence(self) -> str:
        """See ``SupportsChanges``."""
        with self._lock:
            return str(self._last_sequence) if self._last_sequence else ""

    def has_changes_behind(self, sequence: str) -> bool:
        """See ``SupportsChanges``."""
        number = int(sequence or 0)
        with self._lock:
            if number >= self._last_sequence:
                return number == self._last_sequence
            return min(self._changes, default=self._last_sequence + 1) <= number + 1

    def checkpoint(self, consumer: str) -> str:
        """See ``SupportsChanges``."""
        with self._lock:
            return self._checkpoints.get(consumer, "")

    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> None:
        """See ``SupportsChanges``."""
        with self._lock:
            if self._checkpoints.get(consumer, "") != expected:
                raise CheckpointConflict(f"the checkpoint of {consumer} is not at {expected or 'its start'}")
            self._checkpoints[consumer] = sequence
            if not sequence:
                del self._checkpoints[consumer]

    def trim_changes(self, *, limit: int) -> int:
        """See ``SupportsChanges``."""
        with self._lock:
            places = self._checkpoints.values()
            passed = min((int(place) if place.isdecimal() else 0 for place in places), default=0)
            dropped = [sequence for sequence in self._changes if sequence <= passed][:limit]
            for sequence in dropped:
                del self._changes[sequence]
            return len(dropped)

    def _append_document(self, document: Document) -> None:
        self._last_sequence += 1
        self._changes[self._last_sequence] = DocumentChange(sequence=str(self._last_sequence), document=document)

    def _append(self, record: FileRecord, *, changed_at: int, event: str | None, deleted: bool) -> None:
        self._last_sequence += 1
        self._changes[self._last_sequence] = Change(
            sequence=str(self._last_sequence),
            file_id=record.file_id,
            revision=record.revision,
            deleted=deleted,
            event=event,
            record=record,
            changed_at=changed_at,
        )


def copy_record(record: FileRecord) -> FileRecord:
    """Take what is stored apart from what callers hold, exactly as a store on disk does."""
    return record_from_document(record_to_document(record))
