"""What the contracts of the metadata stores have in common: records, how they are saved, and what a list must say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from storage_adapters import (
    SORT_FIELDS,
    Access,
    FileRecord,
    FileStatus,
    ListQuery,
    MetadataStore,
    Page,
    Part,
    RecordDeleted,
    RecordNotFound,
    SupportsChanges,
    SupportsDigest,
    SupportsReplication,
    Tombstone,
    Version,
)
from storage_adapters.query import matches, sort_key, sort_value

NOW = 1_700_000_000_000
ODD_TEXTS = ["a\0b", "3:bob", "x'\"; --", "İ", "ß", "ﬁ", "Ａ", "é", "\U0001f3a5", "\uffff", " ", "%_*?", "1", "\u2028"]


class FeedStore(MetadataStore, SupportsChanges):
    """A store under ``ChangesContract``."""


class DigestStore(MetadataStore, SupportsDigest):
    """A store under ``DigestContract``."""


class ReplicaStore(MetadataStore, SupportsChanges, SupportsDigest, SupportsReplication):
    """A store under ``ReplicationContract``."""


def make_part(part_id: str = "p0", **fields: Any) -> Part:
    values = {"type": "video", "content_type": "video/mp4", "size": 100, "bucket": "films", "key": f"k/{part_id}"}
    return Part(part_id=part_id, **{**values, **fields})


def make_version(size: int, **fields: Any) -> Version:
    values = {"version_id": f"v{size}", "parts": (make_part(key=f"v/{size}", size=size),), "content_type": "video/mp4"}
    return Version(**{**values, "size": size, "created_at": NOW, **fields})


def make_record(file_id: str = "f1", **fields: Any) -> FileRecord:
    values: dict[str, Any] = {
        "owner": "ann",
        "name": "Film.mp4",
        "created_at": NOW,
        "parts": (make_part(),),
        "size": 100,
        "content_type": "video/mp4",
    }
    return FileRecord(file_id=file_id, **{**values, **fields})


def add(store: MetadataStore, *records: FileRecord) -> list[FileRecord]:
    """Save new records."""
    return [save(store, record) for record in records]


def save(store: MetadataStore, record: FileRecord, event: str | None = None, **changes: Any) -> FileRecord:
    """Save the next revision of a record with these changes."""
    changed = replace(record, **changes)
    return store.save(changed, expected_revision=record.revision, changed_at=NOW, event=event)


def delete(store: MetadataStore, record: FileRecord, clean_after: int | None = NOW) -> Tombstone:
    return store.delete(
        record.file_id, expected_revision=record.revision, deleted_at=NOW, event="removed", clean_after=clean_after
    )


def revision_of(store: MetadataStore, file_id: str) -> int:
    """The revision of a file or of its tombstone, 0 where there was never one."""
    try:
        return store.get(file_id).revision
    except RecordDeleted as error:
        return error.tombstone.revision
    except RecordNotFound:
        return 0


def pages(store: MetadataStore, query: ListQuery) -> Iterator[Page]:
    """All pages of a query; every step gets on, so that the walk ends."""
    while True:
        page = store.find(query)
        assert len(page.records) + len(page.folders) <= query.limit
        yield page
        if page.next_position is None:
            return
        assert page.next_position != query.after
        query = replace(query, after=page.next_position)


def walk(store: MetadataStore, query: ListQuery) -> list[FileRecord]:
    """All files of a query, page by page."""
    return [record for page in pages(store, query) for record in page.records]


def ids(records: Iterable[FileRecord]) -> list[str]:
    return [record.file_id for record in records]


def expected(records: Iterable[FileRecord], query: ListQuery) -> list[FileRecord]:
    """What the whole walk of a query must give: the records that match, sorted, without those that lie in folders."""

    def order(record: FileRecord) -> tuple[bool, Any, str]:
        return sort_key(sort_value(record, query.order_by), record.file_id, descending=query.descending)

    in_order = query.order_by in SORT_FIELDS
    found = [each for each in records if matches(each, query) and (in_order or has_value(each, query.order_by))]
    loose = [each for each in found if not query.delimiter or _folder(each, query) is None]
    return sorted(loose, key=order, reverse=query.descending)


def has_value(record: FileRecord, field: str) -> bool:
    """Return True when the record has the value, without which some orders do not hold it."""
    return sort_value(record, field) is not None


def expected_folders(records: Iterable[FileRecord], query: ListQuery) -> list[str]:
    """The folders that the whole walk of a query must give."""
    found = (_folder(record, query) for record in records if matches(record, query) and record.path is not None)
    return sorted({folder for folder in found if folder is not None}) if query.delimiter else []


def _folder(record: FileRecord, query: ListQuery) -> str | None:
    before, delimiter, _ = (record.path or "")[len(query.prefix) :].partition(query.delimiter)
    return query.prefix + before + delimiter if delimiter else None


# Some values are of a wrong type.
_MEDIA: list[dict[str, Any] | None] = [
    None,
    {"kind": "picture", "codec": "", "width": 0, "height": NOW, "rotation": 90},
    {"kind": "clip", "codec": "film", "width": 1, "height": 2**53 + 1, "duration_ms": 1},
    {},
    {"kind": 7, "codec": None, "width": "1", "height": True, "duration_ms": 1.0},
    {"kind": "sound", "codec": "FILM", "duration_ms": 2**53},
    {"kind": "clip", "duration_ms": 1},
]


def various_records() -> list[FileRecord]:
    """Forty records in which every field is now missing, now equal to another's, now odd."""
    statuses, accesses = list(FileStatus), list(Access)
    records = []
    for number in range(40):
        text = ODD_TEXTS[number % len(ODD_TEXTS)]
        status = statuses[number % 5]
        meta: dict[str, Any] = {"nested": {"list": [1, None, "ü"]}} if number % 4 else {}
        if number % 3:
            meta |= {"description": f"About {text}", "website": ""}
        records.append(
            make_record(
                f"f{number:02}",
                owner=("ann", "bob", "3:bob", text)[number % 4],
                name=(text, text.upper(), "film", "Film", f"{text}film")[number % 5],
                alias=None if number % 3 == 0 else f"{text}{number}",
                request_id=f"request {number}" if number % 2 else None,
                tags=("red", "green", text, "3:bob")[: number % 5],
                meta=meta,
                access=accesses[number // 2 % 4],
                status=status,
                parts=tuple(make_part(f"p{index}", size=number) for index in range(number % 3)),
                size=(0, 1, 1, 2**53, number)[number % 5],
                content_type=("video/mp4", "image/png", "")[number % 3],
                temporary=number % 6 == 5,
                immutable=number % 7 == 0,
                created_at=NOW + number // 4,
                uploaded_at=NOW + number // 3 if number % 5 else None,
                processed_at=NOW + number // 6 if status is FileStatus.PROCESSED or number % 4 == 1 else None,
                expires_at=(NOW, None, 0, NOW + 1)[number % 4],
                parent_id=f"f{number // 2:02}" if number % 2 else None,
                path=None if number % 3 == 1 else f"{text}/{'Aa'[number % 2]}/{number}",
                trashed_at=NOW + number // 8 if number % 8 == 7 else None,
                versions=tuple(make_version(size) for size in range(1, 1 + number % 6 // 4)),
                version_of="f00" if number % 12 == 10 else None,
                captured_at=(None, NOW - number // 9, -1, None, 2**40)[number % 5],
                captured_source=(None, "exif", "about")[number % 3],
                media=_MEDIA[number % len(_MEDIA)],
            )
        )
    return records
