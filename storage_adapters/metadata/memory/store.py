"""Metadata in this process's memory, for tests and trials: under the same contract as every other store.

Keeps the records only. Indexes, counters and the digest are computed when asked for, so they cannot be wrong, and
every call costs as much as there are records.
"""

from __future__ import annotations

from _thread import RLock  # the interpreter's own lock: also excludes native threads when threading is patched
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Self

from storage_adapters.codec import (
    DIGEST_BUCKETS,
    digest_bucket,
    digest_halves,
    record_from_document,
    record_to_document,
)
from storage_adapters.errors import (
    CheckpointConflict,
    NameTaken,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    UnknownStore,
)
from storage_adapters.metadata.memory.documents import MemoryDocuments, copy_document
from storage_adapters.metadata.memory.uploads import MemoryUploads
from storage_adapters.ports.digest import DigestBucket, SupportsDigest
from storage_adapters.ports.documents import Document, DocumentChange
from storage_adapters.ports.identity import SupportsIdentity
from storage_adapters.ports.metadata import MetadataStore, SupportsChanges, SupportsLeases, SupportsReplication
from storage_adapters.query import (
    ListQuery,
    Page,
    Position,
    candidate_scopes,
    is_after,
    matches,
    position_of,
    scopes,
    sort_key,
    sort_value,
)
from storage_adapters.records import Change, FileRecord, Lease, Tally, Tombstone, Usage, is_number_passed


class MemoryMetadataStore(
    MemoryUploads,
    MemoryDocuments,
    MetadataStore,
    SupportsChanges,
    SupportsDigest,
    SupportsIdentity,
    SupportsLeases,
    SupportsReplication,
):
    """A dict of records behind one lock; nothing survives the process."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = RLock()
        self._records: dict[str, FileRecord] = {}
        self._tombstones: dict[str, Tombstone] = {}
        self._changes: dict[int, Change | DocumentChange] = {}
        self._last_sequence = 0
        self._checkpoints: dict[str, str] = {}
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
                return _copy(self._records[file_id])
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
        kept = _copy(stored)
        with self._lock:
            self._expect(record.file_id, expected_revision)
            for kind in ("request_id", "alias"):
                name = getattr(record, kind)
                holder = self._holder(record.owner, kind, name)
                if name is not None and holder not in (None, record.file_id):
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
        with self._lock:
            candidates = [r for r in self._records.values() if scope in scopes(r) and is_after(r, query)]

        def order(record: FileRecord) -> tuple[bool, object, str]:
            return sort_key(sort_value(record, query.order_by), record.file_id, descending=query.descending)

        candidates.sort(key=order, reverse=query.descending)
        found: list[FileRecord] = []
        position: Position | None = query.after
        for looked_at, record in enumerate(candidates):
            if len(found) == query.limit or looked_at == query.scan_limit:
                return Page(records=tuple(found), next_position=position)
            position = position_of(record, query.order_by)
            if matches(record, query):
                found.append(_copy(record))
        return Page(records=tuple(found), next_position=None)

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""
        with self._lock:
            records = [r for r in self._records.values() if owner is None or r.owner == owner]
        return Usage(
            total=Tally(files=len(records), bytes=sum(record.size for record in records)),
            by_access=_tallies((record.access.value, record) for record in records),
            by_content_type=_tallies((record.content_type, record) for record in records),
            by_status=_tallies((record.status.value, record) for record in records),
        )

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

    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """See ``SupportsChanges``."""
        with self._lock:
            start = max(int(after or 0) + 1, min(self._changes, default=self._last_sequence + 1))
            wanted = (number for number in range(start, self._last_sequence + 1) if number in self._changes)
            found = [self._changes[number] for number in islice(wanted, limit)]
        return [
            replace(change, record=_copy(change.record))
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

    def has_passed(self, sequence: str, checkpoint: str) -> bool:
        """See ``SupportsChanges``."""
        return is_number_passed(sequence, checkpoint)

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

    def digest(self) -> list[DigestBucket]:
        """See ``SupportsDigest``."""
        files, high, low = Counter[int](), Counter[int](), Counter[int]()
        with self._lock:
            for file_id, record in self._records.items():
                bucket, halves = digest_bucket(file_id), digest_halves(record)
                files[bucket] += 1
                high[bucket] += halves[0]
                low[bucket] += halves[1]
        return [DigestBucket(files=files[b], high=high[b], low=low[b]) for b in range(DIGEST_BUCKETS)]

    def bucket_digest(self, bucket: int) -> DigestBucket:
        """See ``SupportsDigest``."""
        halves = self.bucket_hashes(bucket).values()
        return DigestBucket(files=len(halves), high=sum(high for high, _ in halves), low=sum(low for _, low in halves))

    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """See ``SupportsDigest``."""
        return {record.file_id: record.revision for record in self.bucket_records(bucket)}

    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """See ``SupportsDigest``."""
        with self._lock:
            found = [record for i, record in self._records.items() if digest_bucket(i) == bucket]
        yield from map(_copy, found)

    def replicate(self, copies: Sequence[FileRecord | Tombstone], *, force: bool = False) -> list[bool]:
        """See ``SupportsReplication``."""
        return [self._replicate(copy, force=force) for copy in copies]

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        with self._lock:
            return sum(self._remove(file_id) is not None for file_id in file_ids)

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

    def _replicate(self, copy: FileRecord | Tombstone, *, force: bool) -> bool:
        with self._lock:
            stored = self._records.get(copy.file_id) or self._tombstones.get(copy.file_id)
            wanted = stored is None or (stored != copy if force else stored.revision < copy.revision)
            if wanted:
                self._remove(copy.file_id)
                if isinstance(copy, Tombstone):
                    self._tombstones[copy.file_id] = copy
                else:
                    self._records[copy.file_id] = _copy(copy)
            return wanted

    def _remove(self, file_id: str) -> FileRecord | Tombstone | None:
        return self._records.pop(file_id, None) or self._tombstones.pop(file_id, None)

    def _expect(self, file_id: str, revision: int) -> None:
        if file_id in self._tombstones:
            raise RevisionConflict(f"file {file_id} was deleted")
        stored = self._records[file_id].revision if file_id in self._records else 0
        if stored != revision:
            raise RevisionConflict(f"file {file_id} is at revision {stored}, not {revision}")

    def _holder(self, owner: str, kind: str, name: str | None) -> str | None:
        holders = (i for i, r in self._records.items() if r.owner == owner and getattr(r, kind) == name)
        return None if name is None else next(holders, None)

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


def _copy(record: FileRecord) -> FileRecord:
    """Take what is stored apart from what callers hold, exactly as a store on disk does."""
    return record_from_document(record_to_document(record))


def _tallies(keyed: Iterable[tuple[str, FileRecord]]) -> dict[str, Tally]:
    files, size = Counter[str](), Counter[str]()
    for key, record in keyed:
        files[key] += 1
        size[key] += record.size
    return {key: Tally(files=files[key], bytes=size[key]) for key in files}
