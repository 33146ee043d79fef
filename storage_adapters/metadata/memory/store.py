"""Metadata in this process's memory, for tests and trials: under the same contract as every other store.

Keeps the records only. Indexes, counters and the digest are computed when asked for, so they cannot be wrong, and
every call costs as much as there are records.
"""

from __future__ import annotations

from _thread import RLock  # the interpreter's own lock: also excludes native threads when threading is patched
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Self

from storage_adapters.errors import NameTaken, RecordDeleted, RecordNotFound, RevisionConflict, UnknownStore
from storage_adapters.metadata.memory.documents import MemoryDocuments
from storage_adapters.metadata.memory.feed import MemoryFeed, copy_record
from storage_adapters.metadata.memory.replication import MemoryReplication
from storage_adapters.metadata.memory.uploads import MemoryUploads
from storage_adapters.paging import Row, read_page
from storage_adapters.ports.identity import SupportsIdentity
from storage_adapters.ports.metadata import MetadataStore, SupportsLeases
from storage_adapters.query import ListQuery, Page, Position, candidate_scopes, sort_key, values_in
from storage_adapters.records import FileRecord, Lease, Tombstone, names_held
from storage_adapters.usage import Tally, Usage, usage_entries, usage_from


class MemoryMetadataStore(
    MemoryUploads,
    MemoryFeed,
    MemoryDocuments,
    MemoryReplication,
    MetadataStore,
    SupportsIdentity,
    SupportsLeases,
):
    """A dict of records behind one lock; nothing survives the process."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = RLock()
        self._leases: dict[str, Lease] = {}
        self._notes: dict[str, str] = {}
        self.identity(make=True)

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Make an empty store of ``memory://``."""
        if url != "memory://":
            raise UnknownStore(f"{url} has more than memory://, which has no address and no options")
        return cls()

    def get(self, file_id: str) -> FileRecord:
        """See ``MetadataStore``."""
        with self._lock:
            if file_id in self._records:
                return copy_record(self._records[file_id])
            if file_id in self._tombstones:
                raise RecordDeleted(self._tombstones[file_id])
        raise RecordNotFound(f"no file {file_id}")

    def save(
        self,
        record: FileRecord,
        *,
        expected_revision: int,
        changed_at: int,
        event: str | None,
        before: FileRecord | None = None,
    ) -> FileRecord:
        """See ``MetadataStore``."""
        stored = replace(record, revision=expected_revision + 1)
        kept = copy_record(stored)
        with self._lock:
            self._expect(record.file_id, expected_revision)
            for kind, name in names_held(record):
                holder = self._holder(record.owner, kind, name)
                if holder not in (None, record.file_id):
                    raise NameTaken(kind, name, holder or "")
            self._records[record.file_id] = kept
            self._append(kept, changed_at=changed_at, event=event, deleted=False)
        return stored

    def delete(
        self,
        file_id: str,
        *,
        expected_revision: int,
        deleted_at: int,
        event: str | None,
        clean_after: int | None,
        before: FileRecord | None = None,
    ) -> Tombstone:
        """See ``MetadataStore``."""
        with self._lock:
            if file_id not in self._records:
                raise RevisionConflict(f"there is no file {file_id}")
            self._expect(file_id, expected_revision)
            record = replace(self._records.pop(file_id), revision=expected_revision + 1)
            tombstone = Tombstone.of(record, deleted_at=deleted_at, clean_after=clean_after)
            self._tombstones[file_id] = tombstone
            self._append(record, changed_at=deleted_at, event=event, deleted=True)
            return tombstone

    def find(self, query: ListQuery) -> Page:
        """See ``MetadataStore``."""
        scope = candidate_scopes(query)[0]

        def order(place: Position) -> tuple[bool, object, str]:
            return sort_key(place.value, place.file_id, descending=query.descending)

        def rows_behind(position: Position | None) -> Iterator[Row]:
            behind = None if position is None else order(position)
            for at, record in rows:
                if behind is None or (order(at) < behind if query.descending else order(at) > behind):
                    yield at, record

        with self._lock:
            rows = [
                (Position(value=value, file_id=record.file_id), record)
                for record in self._records.values()
                for value in values_in(record, scope, query.order_by)
            ]
        rows.sort(key=lambda row: order(row[0]), reverse=query.descending)
        page = read_page(query, rows_behind)
        return replace(page, records=tuple(map(copy_record, page.records)))

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""
        with self._lock:
            records = [r for r in self._records.values() if owner is None or r.owner == owner]
        counted: dict[str, dict[str, Tally]] = {}
        for record in records:
            for dimension, key, tally in usage_entries(record):
                tallies = counted.setdefault(dimension, {})
                tallies[key] = tallies.get(key, Tally()) + tally
        return usage_from(counted)

    def resolve(self, owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        """See ``MetadataStore``."""
        with self._lock:
            return [self._holder(owner, kind, name) for name in names]

    def unclean(self, *, now: int, limit: int, after: str = "") -> list[Tombstone]:
        """See ``MetadataStore``."""
        with self._lock:
            due = [t for t in self._tombstones.values() if t.parts and t.clean_after <= now and t.file_id > after]
        return sorted(due, key=lambda tombstone: tombstone.file_id)[:limit]

    def mark_clean(self, file_id: str) -> None:
        """See ``MetadataStore``."""
        with self._lock:
            if file_id in self._tombstones:
                self._tombstones[file_id] = replace(self._tombstones[file_id], parts=())

    def ping(self) -> None:
        """See ``MetadataStore``."""

    def close(self) -> None:
        """See ``MetadataStore``."""

    def read_note(self, name: str) -> str:
        """See ``SupportsIdentity``."""
        with self._lock:
            return self._notes.get(name, "")

    def write_note(self, name: str, *, expected: str, text: str) -> bool:
        """See ``SupportsIdentity``."""
        with self._lock:
            is_expected = self._notes.get(name, "") == expected
            if is_expected:
                self._notes[name] = text
            return is_expected

    def acquire_lease(self, name: str, *, holder: str, now: int, until: int) -> bool:
        """See ``SupportsLeases``."""
        with self._lock:
            lease = self._leases.get(name)
            if lease is not None and lease.worker != holder and lease.until > now:
                self._leases[name] = replace(lease, until=min(lease.until, until))
                return False
            self._leases[name] = Lease(worker=holder, until=until)
            return True

    def release_lease(self, name: str, *, holder: str) -> None:
        """See ``SupportsLeases``."""
        with self._lock:
            if name in self._leases and self._leases[name].worker == holder:
                del self._leases[name]

    def lease_holders(self, names: Sequence[str], *, now: int) -> list[str]:
        """See ``SupportsLeases``."""
        with self._lock:
            held = {name: lease.worker for name, lease in self._leases.items() if lease.until > now}
        return [held.get(name, "") for name in names]

    def _expect(self, file_id: str, revision: int) -> None:
        if file_id in self._tombstones:
            raise RevisionConflict(f"file {file_id} was deleted")
        stored = self._records[file_id].revision if file_id in self._records else 0
        if stored != revision:
            raise RevisionConflict(f"file {file_id} is at revision {stored}, not {revision}")

    def _holder(self, owner: str, kind: str, name: str) -> str | None:
        holders = (i for i, r in self._records.items() if r.owner == owner and (kind, name) in names_held(r))
        return next(holders, None)
