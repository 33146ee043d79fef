"""What an edit makes of a record: names, tags, meta, grantees. Pure; values are validated before they come here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from storage_adapters import FileRecord, FileStatus, record_to_document, tag_form

MAX_TAGS = 20
MAX_META_BYTES = 64 * 1024


def normalise_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Normalise each, drop repeats, keep the order."""
    return tuple(dict.fromkeys(tag_form(tag) for tag in tags))


def edit(record: FileRecord, changes: Mapping[str, Any]) -> FileRecord:
    """Apply the changes of ``files.update``. None unsets; ``meta`` is merged key by key, None removing a key."""
    fields = {name: value for name, value in changes.items() if name != "meta"}
    if "tags" in fields:
        fields["tags"] = normalise_tags(fields["tags"] or ())
    if "grantees" in fields:
        fields["grantees"] = tuple(dict.fromkeys(fields["grantees"] or ()))
    if "meta" in changes:
        fields["meta"] = merge_meta(record.meta, changes["meta"])
    return replace(record, **fields)


def merge_meta(meta: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Set and remove single keys of meta; changes of None empty it."""
    if changes is None:
        return {}
    return {name: value for name, value in {**meta, **changes}.items() if value is not None}


def is_same(one: FileRecord, other: FileRecord) -> bool:
    """Whether two records are the same to the byte: to Python's ``==``, the 1, 1.0 and true of a meta are."""
    return one is other or record_to_document(one) == record_to_document(other)


def keeps_the_seal(before: FileRecord, after: FileRecord) -> bool:
    """Whether an edit may be made of a sealed file: it changes nothing but who may read."""
    return is_same(before, replace(after, access=before.access, grantees=before.grantees))


def is_finished(record: FileRecord) -> bool:
    """Whether actions that need a finished file may go on."""
    return record.status is FileStatus.PROCESSED
