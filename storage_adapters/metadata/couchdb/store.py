"""Metadata in CouchDB 3 by python-couchdb: one document per file, written by its revision.

*URL*: see ``location.FORMS``. *Databases*: the files' own, which is named in the URL; ``<name>_feed`` (see ``feed``)
``<name>_state`` for reservations of names, checkpoints, leases (see ``names``, ``state``), ``<name>_uploads`` (see
``uploads``), and ``<name>_documents`` (see ``kept_documents``).

*Durability* is that of the server: CouchDB 3 acknowledges a write when it is on stable storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Self

from storage_adapters.errors import CheckpointConflict, RecordDeleted, RecordNotFound
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.documents import CouchDocuments
from storage_adapters.metadata.couchdb.feed import Feed
from storage_adapters.metadata.couchdb.keys import (
    document_id_of,
    file_id_of,
    hex_of,
    name_digest,
    owner_digest,
    place_of,
)
from storage_adapters.metadata.couchdb.layout import prepare, require_databases
from storage_adapters.metadata.couchdb.listing import find_page
from storage_adapters.metadata.couchdb.location import Location, location_of
from storage_adapters.metadata.couchdb.migration import CouchMigrations
from storage_adapters.metadata.couchdb.names import Removal, holders_of
from storage_adapters.metadata.couchdb.records import Event, Stored, parse_document, tombstone_document
from storage_adapters.metadata.couchdb.replication import Copy, Replica
from storage_adapters.metadata.couchdb.server import Server
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.metadata.couchdb.sums import bucket_of, digest_of
from storage_adapters.metadata.couchdb.uploads import CouchUploads
from storage_adapters.metadata.couchdb.usage import usage_of
from storage_adapters.metadata.couchdb.views import DESIGNS
from storage_adapters.metadata.couchdb.writes import Writer
from storage_adapters.ports.digest import DigestBucket, SupportsDigest
from storage_adapters.ports.documents import DocumentChange
from storage_adapters.ports.identity import SupportsIdentity
from storage_adapters.ports.metadata import MetadataStore, SupportsChanges, SupportsLeases, SupportsReplication
from storage_adapters.query import ListQuery, Page
from storage_adapters.records import JSON, Change, FileRecord, Tombstone
from storage_adapters.usage import Usage

_BATCH = 200
_LAST: JSON = {}


class CouchMetadataStore(
    CouchMigrations,
    CouchUploads,
    CouchDocuments,
    MetadataStore,
    SupportsChanges,
    SupportsDigest,
    SupportsIdentity,
    SupportsLeases,
    SupportsReplication,
):
    """A record is a document; its views are the indexes, counters and digest."""

    def __init__(self, location: Location, *, any_schema: bool = False) -> None:
        self._server = Server(location)
        self._files = Database(self._server, location.database)
        self._locks = Database(self._server, location.database + "_state")
        self._uploads = Database(self._server, location.database + "_uploads")
        self._documents = Database(self._server, location.database + "_documents")
        self._state = State(self._locks)
        entries = Database(self._server, location.database + "_feed")
        self._feed = Feed(self._files, self._documents, entries, self._state)
        self._writer = Writer(self._files, self._locks, self._feed)
        self._replica = Replica(self._files, self._feed)
        self._removal = Removal(self._files, self._documents, self._locks)
        try:
            databases = (self._files, self._locks, self._state, self._feed, self._uploads, self._documents)
            if not any_schema and prepare(*databases):
                self.mark_new()
                self.identity(make=True)
        except BaseException:
            self.close()
            raise

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Connect to the server of a URL; create and build what its databases lack."""
        return cls(location_of(url))

    @classmethod
    def from_url_of_any_schema(cls, url: str) -> Self:
        """See ``SupportsMigrations``."""
        return cls(location_of(url), any_schema=True)

    def get(self, file_id: str) -> FileRecord:
        """See ``MetadataStore``."""
        stored = self._writer.load(file_id)
        if stored is None:
            raise RecordNotFound(f"no file {file_id}")
        if stored.tombstone is not None:
            raise RecordDeleted(stored.tombstone)
        assert stored.record is not None
        return stored.record

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
        self._writer.save(new, Event(changed_at=changed_at, event=event, deleted=False))
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

        def decide(old: Stored) -> JSON:
            assert old.record is not None
            last = replace(old.record, revision=expected_revision + 1)
            tombstone = Tombstone.of(last, deleted_at=deleted_at, clean_after=clean_after)
            tombstones.append(tombstone)
            change = Event(changed_at=deleted_at, event=event, deleted=True)
            return tombstone_document(tombstone, rev=old.rev, change=change, last=last)

        self._writer.replace(file_id, expected_revision, decide)
        return tombstones[-1]

    def find(self, query: ListQuery) -> Page:
        """See ``MetadataStore``."""
        self.require_order(query.order_by)
        return find_page(self._files, query)

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""
        scope = "" if owner is None else owner_digest(owner)
        rows = self._files.view(DESIGNS["usage"].name, startkey=[scope], endkey=[scope, _LAST], group=True)
        versions = self._files.view(DESIGNS["versions"].name, key=scope, group=True)
        return usage_of(rows, versions)

    def resolve(self, owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        """See ``MetadataStore``."""
        if not names:
            return []
        digests = [name_digest(kind, owner, name) for name in names]
        holders = holders_of(self._files, digests)
        return [file_id_of(holders[digest][0]) if holders[digest] else None for digest in digests]

    def unclean(self, *, now: int, limit: int, after: str = "") -> list[Tombstone]:
        """See ``MetadataStore``."""
        due: list[Tombstone] = []
        place, latest = hex_of(after), place_of(now)[1]
        while len(due) < limit:
            rows = self._files.view(DESIGNS["unclean"].name, startkey=place, limit=_BATCH + 1, reduce=False)
            wanted = [row for row in rows if row["key"] != place and row["value"] <= latest]
            read = wanted[: limit - len(due)]
            for document in self._files.documents(row["id"] for row in read):
                tombstone = None if document is None else parse_document(document).tombstone
                if tombstone is not None and tombstone.parts:
                    due.append(tombstone)
            if len(read) == len(wanted) and len(rows) <= _BATCH:
                break
            # One that was read may be clean by now: then others stand between the last one read and the last row.
            place = (rows if len(read) == len(wanted) else read)[-1]["key"]
        return due

    def mark_clean(self, file_id: str) -> None:
        """See ``MetadataStore``."""
        stored = self._writer.load(file_id)
        if stored is not None and stored.tombstone is not None and stored.tombstone.parts:
            self._feed.ensure(stored)
            clean = replace(stored.tombstone, parts=())
            # Only a cleaner changes a tombstone: if it has changed since, another cleaner has done the same.
            self._files.put(tombstone_document(clean, rev=stored.rev, change=None, last=None))

    def ping(self) -> None:
        """See ``MetadataStore``."""
        require_databases(self._files, self._locks, self._feed.entries, self._uploads, self._documents)

    def close(self) -> None:
        """See ``MetadataStore``."""
        self._server.close()

    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """See ``SupportsChanges``."""
        return self._feed.read(after, limit)

    def changes_of(self, wanted: Callable[[str], bool], *, after: str, limit: int) -> tuple[list[Change], str, int]:
        """See ``SupportsChanges``."""
        return self._feed.read_of(wanted, after, limit)

    def last_sequence(self) -> str:
        """See ``SupportsChanges``."""
        return self._feed.last()

    def has_passed(self, sequence: str, checkpoint: str) -> bool:
        """See ``SupportsChanges``."""
        return self._feed.has_passed(sequence, checkpoint)

    def has_changes_behind(self, sequence: str) -> bool:
        """See ``SupportsChanges``."""
        return self._feed.has_behind(sequence)

    def checkpoint(self, consumer: str) -> str:
        """See ``SupportsChanges``."""
        return self._state.checkpoint(consumer)

    def checkpoints(self, consumers: Sequence[str]) -> list[str]:
        """See ``SupportsChanges``."""
        return self._state.checkpoints_of(consumers)

    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> None:
        """See ``SupportsChanges``."""
        if not self._state.move_checkpoint(consumer, expected=expected, sequence=sequence):
            raise CheckpointConflict(f"the checkpoint of {consumer} is not at {expected or 'its start'}")

    def trim_changes(self, *, limit: int) -> int:
        """See ``SupportsChanges``. Reservations of names that lock nothing go with the changes."""
        self._removal.step(limit)
        return self._feed.trim(self._state.checkpoints(), limit)

    def digest(self) -> list[DigestBucket]:
        """See ``SupportsDigest``."""
        return digest_of(self._files)

    def bucket_digest(self, bucket: int) -> DigestBucket:
        """See ``SupportsDigest``."""
        rows = self._files.view(DESIGNS["digest"].name, key=bucket)
        return bucket_of(rows[0]) if rows else DigestBucket()

    def bucket_revisions(self, bucket: int) -> dict[str, int]:
        """See ``SupportsDigest``."""
        rows = self._files.view(DESIGNS["digest"].name, key=bucket, reduce=False)
        return {file_id_of(row["id"]): int(row["value"][3]) for row in rows}

    def bucket_hashes(self, bucket: int) -> dict[str, tuple[int, int]]:
        """See ``SupportsDigest``."""
        rows = self._files.view(DESIGNS["digest"].name, key=bucket, reduce=False)
        return {file_id_of(row["id"]): (int(row["value"][1]), int(row["value"][2])) for row in rows}

    def bucket_records(self, bucket: int) -> Iterator[FileRecord]:
        """See ``SupportsDigest``."""
        file_ids = list(self.bucket_revisions(bucket))
        for start in range(0, len(file_ids), _BATCH):
            batch = map(document_id_of, file_ids[start : start + _BATCH])
            for document in self._files.documents(batch):
                record = None if document is None else parse_document(document).living
                if record is not None:
                    yield record

    def replicate(self, copies: Sequence[Copy], *, force: bool = False) -> list[bool]:
        """See ``SupportsReplication``."""
        return self._replica.replicate(copies, force=force)

    def discard(self, file_ids: Sequence[str]) -> int:
        """See ``SupportsReplication``."""
        return self._replica.discard(file_ids)

    def read_note(self, name: str) -> str:
        """See ``SupportsIdentity``: a local document, which no replication of CouchDB's own takes along."""
        found = self._files.get(f"_local/{name}")
        return "" if found is None else str(found["text"])

    def write_note(self, name: str, *, expected: str, text: str) -> bool:
        """See ``SupportsIdentity``."""
        found = self._files.get(f"_local/{name}")
        if expected != ("" if found is None else found["text"]):
            return False
        return State(self._files).put(f"_local/{name}", {"text": text}, over=found)

    def acquire_lease(self, name: str, *, holder: str, now: int, until: int) -> bool:
        """See ``SupportsLeases``."""
        return self._state.acquire(name, holder=holder, now=now, until=until)

    def release_lease(self, name: str, *, holder: str) -> None:
        """See ``SupportsLeases``."""
        self._state.release(name, holder=holder)

    def lease_holders(self, names: Sequence[str], *, now: int) -> list[str]:
        """See ``SupportsLeases``."""
        return self._state.holders(names, now=now)
