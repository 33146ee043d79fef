"""Rows of lists: every field of a file that a query may ask for, as JSON text. No I/O.

Text, so that no server touches its numbers. Fields at their usual value stand as null, and not at all at the end. A
description or website that is long stands as 0: who needs it reads the document. Of a path that ends in the name, what
stands before it is a list of its own. What media tells is in no row, as each of a file's dozen rows would repeat it: a
space at the end says that there is any, and no reader of JSON minds it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import orjson

from storage_adapters.codec import RECORD_FORM, build_record
from storage_adapters.query import FIELDS, ListQuery, SortValue, field_value
from storage_adapters.records import FileRecord, Part

LONGEST_TEXT = 200
_LONG_FIELDS = ("description", "website")
_FIELDS = (
    "owner",
    "name",
    "created_at",
    "size",
    "content_type",
    "status",
    "access",
    "parts",
    "uploaded_at",
    "processed_at",
    "tags",
    "alias",
    "expires_at",
    "description",
    "website",
    "temporary",
    "immutable",
    "parent_id",
    "path",
    "trashed_at",
    "version_of",
)
_MEDIA_FIELDS = frozenset(name for name in FIELDS if name.startswith(("captured_", "media.")))
_LONG_PLACES = [_FIELDS.index(name) for name in _LONG_FIELDS]
_PATH_PLACE = _FIELDS.index("path")
_USUAL: dict[str, Any] = {"tags": (), "temporary": False, "immutable": False}
_PART = Part(part_id="", type="", content_type="", size=0, bucket="", key="")


def row_of(record: FileRecord) -> str:
    """Write a row."""
    values: list[Any] = [
        None if (value := field_value(record, name)) == _USUAL.get(name) else value for name in _FIELDS
    ]
    for place in _LONG_PLACES:
        if values[place] is not None and len(values[place]) > LONGEST_TEXT:
            values[place] = 0
    if record.path is not None and record.path.endswith(record.name):
        values[_PATH_PLACE] = [record.path.removesuffix(record.name)]
    while values[-1] is None:
        values.pop()
    tells_more = any(field_value(record, name) is not None for name in _MEDIA_FIELDS)
    return orjson.dumps(values).decode() + " " * tells_more


def parse_row(file_id: str, text: str) -> FileRecord:
    """Read a row: a record that answers queries as the whole one does, but for what rows leave out.

    That is texts that were too long, and what media tells: then ``media`` is empty, and not None.
    Raises UnreadableRecord.
    """
    known: dict[str, Any] = {
        name: value for name, value in zip(_FIELDS, orjson.loads(text), strict=False) if value is not None
    }
    known["meta"] = {name: value for name in _LONG_FIELDS if (value := known.pop(name, None)) is not None}
    if isinstance(known.get("path"), list):
        known["path"] = known["path"][0] + known["name"]
    if text.endswith(" "):
        known["media"] = {}
    known["parts"] = (_PART,) * known["parts"]
    known["tags"] = tuple(known.get("tags", ()))
    return build_record({"file_id": file_id, **known}, {}, RECORD_FORM)


def is_cut(row: FileRecord, query: ListQuery) -> bool:
    """Return True when the row lacks something on which the answer depends."""
    lacks_text = 0 in row.meta.values() and (query.search is not None or _asks_for(query, _LONG_FIELDS))
    return lacks_text or (row.media is not None and _asks_for(query, _MEDIA_FIELDS - {query.order_by}))


def with_order(row: FileRecord, field: str, value: SortValue) -> FileRecord:
    """Return the row with the value by which it is sorted, where it is one that rows leave out."""
    if field not in _MEDIA_FIELDS:
        return row
    changed: dict[str, Any] = {"media": {field.removeprefix("media."): value}}
    return replace(row, **({"captured_at": value} if field == "captured_at" else changed))


def _asks_for(query: ListQuery, fields: Collection[str]) -> bool:
    return any(condition.field in fields for condition in query.conditions)
