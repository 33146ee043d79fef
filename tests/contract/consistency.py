"""Whether everything that a metadata store answers follows from its records: lists, names, counters, digest, feed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from storage_adapters import (
    DIGEST_BUCKETS,
    SORT_FIELDS,
    DigestBucket,
    FileRecord,
    FileStatus,
    ListQuery,
    MetadataStore,
    RecordDeleted,
    Section,
    SupportsChanges,
    SupportsDigest,
    Tally,
    Usage,
    digest_bucket,
    digest_halves,
)
from storage_adapters.query import MEDIA_ORDERS, section_of
from storage_adapters.records import names_held
from tests.contract.metadata_scenes import expected, has_value, ids, walk
from tests.feeds import file_changes
from tests.scale import NIGHTLY


def assert_consistent(store: MetadataStore) -> list[FileRecord]:
    """Recompute every index, counter and sum from the records; return the records. No writer may run meanwhile."""
    records = walk(store, ListQuery(order_by="created_at", descending=False, limit=100, section=None))
    by_id = {record.file_id: record for record in records}
    assert len(by_id) == len(records), "a file is listed twice"
    for record in records:
        assert store.get(record.file_id) == record
    _assert_lists(store, records)
    _assert_names(store, records)
    owners = {record.owner for record in records}
    for owner in (None, *sorted(owners)):
        assert store.usage(owner) == recomputed_usage(r for r in records if owner in (None, r.owner)), owner
    if isinstance(store, SupportsDigest):
        assert_digest(store, records)
    if isinstance(store, SupportsChanges):
        _assert_feed(store, by_id)
    return records


def recomputed_usage(records: Iterable[FileRecord]) -> Usage:
    """Count records one by one."""
    counted: dict[str, dict[str, Tally]] = defaultdict(dict)
    trash, versions = Tally(), Tally()
    for record in records:
        one = Tally(files=1, bytes=record.size)
        versions += Tally(files=len(record.versions), bytes=sum(version.size for version in record.versions))
        if record.version_of is not None:
            versions += one
        elif record.trashed_at is not None:
            trash += one
        else:
            keys = {"access": record.access.value, "content_type": record.content_type, "status": record.status.value}
            for dimension, key in ({"total": ""} | keys).items():
                counted[dimension][key] = counted[dimension].get(key, Tally()) + one
    return Usage(
        total=counted["total"].get("", Tally()),
        by_access=counted["access"],
        by_content_type=counted["content_type"],
        by_status=counted["status"],
        trash=trash,
        versions=versions,
    )


def assert_digest(store: SupportsDigest, records: Iterable[FileRecord]) -> None:
    """Each bucket holds exactly these records, and their sums."""
    members: dict[int, list[FileRecord]] = defaultdict(list)
    for record in records:
        members[digest_bucket(record.file_id)].append(record)
    digest = store.digest()
    assert len(digest) == DIGEST_BUCKETS
    for bucket in range(DIGEST_BUCKETS):
        halves = [digest_halves(record) for record in members[bucket]]
        assert digest[bucket] == DigestBucket(
            files=len(halves), high=sum(high for high, _ in halves), low=sum(low for _, low in halves)
        )
        if members[bucket]:
            assert store.bucket_digest(bucket) == digest[bucket]
            assert store.bucket_revisions(bucket) == {r.file_id: r.revision for r in members[bucket]}
            assert store.bucket_hashes(bucket) == {r.file_id: digest_halves(r) for r in members[bucket]}


def _assert_lists(store: MetadataStore, records: list[FileRecord]) -> None:
    owner_tags = {(record.owner, tag) for record in records for tag in record.tags}
    queries = [
        ListQuery(),
        ListQuery(public_only=True),
        *(ListQuery(owner=owner) for owner in sorted({record.owner for record in records})),
        *(ListQuery(owner=owner, tags=(tag,)) for owner, tag in sorted(owner_tags)),
        *(ListQuery(public_only=True, tags=(tag,)) for tag in sorted({tag for _, tag in owner_tags})),
        *(ListQuery(status=status) for status in FileStatus),
    ]
    # By day some orders of each list, others for other records; each list with each order takes a minute of a test run.
    first, step = sum(record.revision for record in records), 1 if NIGHTLY else 3
    for number, query in enumerate(queries, first):
        for order_by in SORT_FIELDS[number % step :: step]:
            asked = replace(query, order_by=order_by, descending=order_by != "created_at", limit=100)
            assert ids(walk(store, asked)) == ids(expected(records, asked)), asked
    for asked in _section_queries(records):
        assert ids(walk(store, asked)) == ids(expected(records, asked)), asked


def _section_queries(records: list[FileRecord]) -> Iterator[ListQuery]:
    """The trash, the uploads of versions and the paths; of all owners and of each that has any."""
    for section, orders in ((Section.TRASH, ("created_at", "trashed_at")), (Section.VERSIONS, ("created_at",))):
        owners = {record.owner for record in records if section_of(record) is section}
        for owner, order_by in itertools.product((None, *sorted(owners)), orders):
            yield ListQuery(section=section, owner=owner, order_by=order_by, limit=100)
    for section in (Section.LISTED, Section.TRASH):
        for owner in sorted({r.owner for r in records if r.path is not None and section_of(r) is section}):
            yield ListQuery(section=section, owner=owner, order_by="path", descending=False, limit=100)
    for order_by in MEDIA_ORDERS:
        for owner in sorted({r.owner for r in records if has_value(r, order_by)}):
            yield ListQuery(owner=owner, order_by=order_by, limit=100)


def _assert_names(store: MetadataStore, records: list[FileRecord]) -> None:
    for kind in ("alias", "request_id", "path"):
        held: dict[str, dict[str, str]] = defaultdict(dict)
        for record in records:
            name = dict(names_held(record)).get(kind)
            if name is not None:
                assert name not in held[record.owner], f"two files of {record.owner} have the {kind} {name}"
                held[record.owner][name] = record.file_id
        once_held: dict[str, set[str]] = defaultdict(set)
        if isinstance(store, SupportsChanges):
            for change in file_changes(store, after="", limit=1_000_000):
                once_held[change.record.owner].add(getattr(change.record, kind) or "never held")
        for owner in held.keys() | once_held.keys():
            names = sorted(held[owner].keys() | once_held[owner])
            assert store.resolve(owner, kind, names) == [held[owner].get(name) for name in names]


def _assert_feed(store: SupportsChanges, records: dict[str, FileRecord]) -> None:
    """Each file's changes are its revisions in order, and the last one tells what the file is now."""
    assert isinstance(store, MetadataStore)
    # Of documents, too.
    everything = store.changes(after="", limit=1_000_000)
    assert len({change.sequence for change in everything}) == len(everything)
    if everything:
        assert everything[-1].sequence == store.last_sequence()
    changes = file_changes(store, after="", limit=1_000_000)
    latest: dict[str, int] = {}
    deleted: set[str] = set()
    for change in changes:
        assert change.record.file_id == change.file_id
        assert change.record.revision == change.revision
        assert change.file_id not in deleted, "a change came after the deletion"
        assert change.revision == latest.get(change.file_id, change.revision - 1) + 1
        latest[change.file_id] = change.revision
        if change.deleted:
            deleted.add(change.file_id)
        elif change.file_id in records and change.revision == records[change.file_id].revision:
            assert change.record == records[change.file_id]
    for file_id, revision in latest.items():
        if file_id in deleted:
            assert file_id not in records
            assert _tombstone_revision(store, file_id) == revision
        else:
            assert records[file_id].revision == revision


def _tombstone_revision(store: MetadataStore, file_id: str) -> int | None:
    try:
        store.get(file_id)
    except RecordDeleted as error:
        return error.tombstone.revision
    return None
