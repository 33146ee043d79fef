"""Metadata in Redis 7 or Valkey: each write is one script, which changes everything or nothing.

*URL*: see ``location.FORMS``. *Keys*: see ``keys``.

*Durability* is that of the server: with ``appendonly yes`` and ``appendfsync always`` every acknowledged write is on
stable storage, with ``everysec`` a crash of the machine may lose the last second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self

from storage_adapters.codec import record_to_document
from storage_adapters.errors import (
    CheckpointConflict,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    StorageUnavailable,
)
from storage_adapters.metadata.redis import feed
from storage_adapters.metadata.redis.documents import RedisDocuments
from storage_adapters.metadata.redis.inserts import store_new
from storage_adapters.metadata.redis.keys import Keys
from storage_adapters.metadata.redis.listing import find_page
from storage_adapters.metadata.redis.location import Location, location_of
from storage_adapters.metadata.redis.migration import RedisMigrations
from storage_adapters.metadata.redis.records import (
    HEADER_BYTES,
    parse_value,
    record_of,
    record_to_value,
    revision_of,
    tombstone_to_value,
)
from storage_adapters.metadata.redis.replication import read_bucket, remove_files, store_copies
from storage_adapters.metadata.redis.server import EMPTIED, Server, mapping_of
from storage_adapters.metadata.redis.sums import bucket_of, digest_of, sum_fields
from storage_adapters.metadata.redis.uploads import RedisUploads
from storage_adapters.metadata.redis.usage import usage_of
from storage_adapters.metadata.redis.writer import Writer
from storage_adapters.metadata.redis.writes import Move, plan_move
from storage_adapters.ports.digest import DigestBucket, SupportsDigest
from storage_adapters.ports.documents import DocumentChange
from storage_adapters.ports.identity import NotesInJournal
from storage_adapters.ports.metadata import MetadataStore, SupportsChanges, SupportsLeases, SupportsReplication
from storage_adapters.ports.schemas import SupportsBulkImport
from storage_adapters.query import ListQuery, Page
from storage_adapters.records import Change, FileRecord, Tombstone
from storage_adapters.usage import Usage

_BATCH = 200


class RedisMetadataStore(
    RedisUploads,
    RedisMigrations,
    NotesInJournal,
    RedisDocuments,
    MetadataStore,
    SupportsBulkImport,
    SupportsChanges,
    SupportsDigest,
    SupportsLeases,
    SupportsReplication,
):
    """Store of records as strings; indexes, names, counters, digest and feed have the same hash tag."""

    def __init__(self, location: Location, *, any_schema: bool = False) -> None:
        self._keys = Keys(location.prefix)
        self._server = Server(location)
        self._writer = Writer(self._server, self._keys)
        try:
            self._server.check()
            if not any_schema and self._server.check_layout(self._keys.layout, self._keys.feed, self._keys.digest):
                self.mark_new()
                self.identity(make=True)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Connect to the server of a URL."""
        return cls(location_of(url))

    @classmethod
    def from_url_of_any_schema(cls, url: str) -> Self:
        """See ``SupportsMigrations``."""
        return cls(location_of(url), any_schema=True)

    def get(self, file_id: str) -> FileRecord:
        """See ``MetadataStore``."""
        found = self._writer.load(file_id)[1]
        if found is None:
            raise RecordNotFound(f"no file {file_id}")
        if isinstance(found, Tombstone):
            raise RecordDeleted(found)
        return found

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
        new = replace(record, revision=expected_revision + 1)
        plan = partial(
            plan_move,
            self._keys,
            new.file_id,
            new=new,
            value=record_to_value(new),
            header=feed.entry_header(changed_at=changed_at, event=event, deleted=False),
            document=record_to_document(new),
            unclean=False,
        )
        self._writer.write("save", new.file_id, expected_revision, before, plan)
        return new

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
        tombstones: list[Tombstone] = []

        def plan(old: FileRecord | None, *, stored: bytes | None) -> Move:
            if old is None:
                raise RevisionConflict(f"there is no file {file_id}")
            last = replace(old, revision=expected_revision + 1)
            tombstone = Tombstone.of(last, deleted_at=deleted_at, clean_after=clean_after)
            tombstones.append(tombstone)
            return plan_move(
                self._keys,
                file_id,
                old,
                None,
                stored=stored,
                value=tombstone_to_value(tombstone),
                header=feed.entry_header(changed_at=deleted_at, event=event, deleted=True),
                document=record_to_document(last),
                unclean=bool(tombstone.parts),
            )

        self._writer.write("delete", file_id, expected_revision, before, plan)
        return tombstones[-1]

    def find(self, query: ListQuery) -> Page:
        """See ``MetadataStore``."""
        self.require_order(query.order_by)
        return find_page(self._server, self._keys, query)

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""
        _, *hashes = self._server.run("counted", [self._keys.feed, *self._keys.usages(owner)], [])
        return usage_of(*map(mapping_of, hashes))

    def resolve(self, owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        """See ``MetadataStore``."""
        if not names:
            return []
        found = self._server.call("HMGET", self._keys.names(kind, owner), *names)
        return [None if file_id is None else file_id.decode() for file_id in found]

    def unclean(self, *, now: int, limit: int, after: str = "") -> list[Tombstone]:
        """See ``MetadataStore``."""
        due: list[Tombstone] = []
        place = after.encode()
        while len(due) < limit:
            start = b"(" + place if place else b"-"
            file_ids = self._server.call("ZRANGEBYLEX", self._keys.unclean, start, "+", "LIMIT", 0, _BATCH)
            if not file_ids:
                break
            place = file_ids[-1]
            values = self._server.call("MGET", *(self._keys.record_prefix + file_id for file_id in file_ids))
            for file_id, value in zip(file_ids, values, strict=True):
                tombstone = None if value is None else parse_value(file_id.decode(), value)
                if isinstance(tombstone, Tombstone) and tombstone.parts and tombstone.clean_after <= now:
                    due.append(tombstone)
        return due[:limit]

    def mark_clean(self, file_id: str) -> None:
        """See ``MetadataStore``."""
        value, found = self._writer.load(file_id)
        if isinstance(found, Tombstone) and found.parts:
            clean = tombstone_to_value(replace(found, parts=()))
            # Only a cleaner changes a tombstone: if it has changed since, another cleaner has done the same.
            keys = [self._keys.record(file_id), self._keys.unclean]
            self._server.run("clean", keys, [value, clean, file_id])

    def ping(self) -> None:
        """See ``MetadataStore``."""
        self._server.check_policy()
        if not self._server.run("ping", [self._keys.layout], []):
            raise StorageUnavailable(f"redis: {EMPTIED}")

    def close(self) -> None:
        """See ``MetadataStore``."""
        self._server.close()

    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """See ``SupportsChanges``."""
        start = f"({feed.entry_id(after)}" if after else "-"
        entries = self._server.call("XRANGE", self._keys.feed, start, "+", "COUNT", limit)
        return [feed.parse_entry(entry_id, fields) for entry_id, fields in entries]

    def changes_of(self, wanted: Callable[[str], bool], *, after: str, limit: int) -> tuple[list[Change], str, int]:
        """See ``SupportsChanges``."""
        start = f"({feed.entry_id(after)}" if after else "-"
        entries = self._server.call("XRANGE", self._keys.feed, start, "+", "COUNT", limit)
        found = [feed.parse_change(entry_id, fields, wanted) for entry_id, fields in entries]
        reached = feed.sequence_of(entries[-1][0]) if entries else after
        return [each for each in found if each is not None], reached, len(entries)

    def last_sequence(self) -> str:
        """See ``SupportsChanges``."""
        sequence: bytes = self._server.run("last", [self._keys.feed], [])
        return sequence.decode()

    def has_changes_behind(self, sequence: str) -> bool:
        """See ``SupportsChanges``."""
        return bool(self._server.run("behind", [self._keys.feed], [sequence or 0]))

    def checkpoint(self, consumer: str) -> str:
        """See ``SupportsChanges``."""
        sequence = self._server.call("HGET", self._keys.checkpoints, consumer)
        return "" if sequence is None else sequence.decode()

    def checkpoints(self, consumers: Sequence[str]) -> list[str]:
        """See ``SupportsChanges``."""
        found = self._server.call("HMGET", self._keys.checkpoints, *consumers)
        return ["" if sequence is None else sequence.decode() for sequence in found]

    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> None:
        """See ``SupportsChanges``."""
        if not self._server.run("checkpoint", [self._keys.checkpoints], [consumer, expected, sequence]):
            raise CheckpointConflict(f"the checkpoint of {consumer} is not at {expected or 'its start'}")

    def trim_changes(self, *, limit: int) -> int:
        """See ``SupportsChanges``."""
        return int(self._server.run("trim", [self._keys.feed, self._keys.checkpoints], [limit]))

    def digest(self) -> list[DigestBucket]:
        """See ``SupportsDigest``."""
        return digest_of(self._server.call("HGETALL", self._keys.digest))

    def bucket_digest(self, bucket: int) -> DigestBucket:
        """See ``SupportsDigest``."""
        fields = sum_fields(bucket)
        sums = self._server.call("HMGET", self._keys.digest, *fields)
        return bucket_of(bucket, dict(zip(fields, sums, strict=True)))

    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """See ``SupportsDigest``."""
        found = read_bucket(self._server, self._keys, bucket, length=HEADER_BYTES)
        return {file_id: revision_of(file_id, header) for file_id, header in found}

    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """See ``SupportsDigest``."""
        for file_id, value in read_bucket(self._server, self._keys, bucket):
            yield record_of(file_id, value)

    def replicate(self, copies: Sequence[FileRecord | Tombstone], *, force: bool = False) -> list[bool]:
        """See ``SupportsReplication``."""
        return store_copies(self._server, self._keys, copies, force=force)

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        return remove_files(self._server, self._keys, file_ids)

    def import_files(self, records: Sequence[FileRecord]) -> list[bool]:
        """See ``SupportsBulkImport``."""
        stored = store_new(self._server, self._keys, records)
        return [record.file_id in stored for record in records]

    def acquire_lease(self, name: str, *, holder: str, now: int, until: int) -> bool:
        """See ``SupportsLeases``."""
        return bool(self._server.run("acquire", [self._keys.leases], [name, holder, now, until]))

    def release_lease(self, name: str, *, holder: str) -> None:
        """See ``SupportsLeases``."""
        self._server.run("release", [self._keys.leases], [name, holder])

    def lease_holders(self, names: Sequence[str], *, now: int) -> list[str]:
        """See ``SupportsLeases``."""
        leases = self._server.call("HMGET", self._keys.leases, *names)
        ends = [(b"0", b"", b"") if lease is None else lease.partition(b" ") for lease in leases]
        return [holder.decode() if int(until) > now else "" for until, _, holder in ends]
