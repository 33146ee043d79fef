"""The part of a file's document that the views read: rule 2 of ``records``. No I/O."""

from __future__ import annotations

import time

from storage_adapters.codec import digest_bucket, digest_halves
from storage_adapters.metadata.couchdb.keys import hex_of, name_digest, owner_digest, place_of, scope_digest
from storage_adapters.metadata.couchdb.rows import row_of
from storage_adapters.query import OTHER_ORDERS, SORT_FIELDS, other_entries, sort_value, whole_scopes
from storage_adapters.records import JSON, FileRecord, names_held
from storage_adapters.usage import usage_entries

_SIZE_SHIFT = 26
# Before a dimension that stands in the place of an access, of which none begins so.
APART = "~"


def index_of(record: FileRecord) -> JSON:
    """Return what the views read of a file."""
    others = list(other_entries(record))
    apart = (scope for scope, field, _ in others if field == "created_at")
    index = {
        "id": hex_of(record.file_id),
        "scopes": list(dict.fromkeys(map(scope_digest, (*whole_scopes(record), *apart)))),
        "places": {field: place_of(sort_value(record, field)) for field in SORT_FIELDS},
        "row": row_of(record),
        "names": list(names_of(record)),
        # The later of two that have one name is the one that a copy was made of last.
        "named_at": f"{time.time_ns():020}",
        "usage": [owner_digest(record.owner), *_counted_as(record), *split_size(record.size)],
        "digest": [digest_bucket(record.file_id), *digest_halves(record), record.revision],
    }
    folders = [
        [scope_digest((*scope, field)), *place_of(value)] for scope, field, value in others if field in OTHER_ORDERS
    ]
    if folders:
        index["folders"] = folders
    if record.versions:
        *_, (_, _, versions) = usage_entries(record)
        index["versions"] = [owner_digest(record.owner), versions.files, *split_size(versions.bytes)]
    return index


def names_of(record: FileRecord | None) -> dict[str, tuple[str, str]]:
    """Return the names that a record holds: kind and name by digest, in the order in which they are claimed."""
    if record is None:
        return {}
    return {name_digest(kind, record.owner, name): (kind, name) for kind, name in names_held(record)}


def split_size(size: int) -> tuple[int, int]:
    """Split a size into two numbers whose sums stay exact."""
    return size >> _SIZE_SHIFT, size & (2**_SIZE_SHIFT - 1)


def joined_size(high: int, low: int) -> int:
    """Return the size from the sums of both numbers."""
    return (int(high) << _SIZE_SHIFT) + int(low)


def _counted_as(record: FileRecord) -> tuple[str, str, str]:
    dimension, *_ = next(usage_entries(record))
    if dimension != "total":
        return APART + dimension, "", ""
    return record.access.value, hex_of(record.content_type), record.status.value
