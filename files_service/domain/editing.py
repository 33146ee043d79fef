"""Edits of a record: names, tags, meta, grantees. Pure; callers pass validated values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from files_service.domain.paths import name_of, renamed
from storage_adapters import FileRecord, FileStatus, record_to_document, tag_form

MAX_TAGS = 20
MAX_META_BYTES = 64 * 1024
# Encoders of JSON give up at some depth, and a list must be able to carry each of its records.
MAX_META_DEPTH = 100


def normalise_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Normalise each tag, drop duplicates, keep the order."""
    return tuple(dict.fromkeys(tag_form(tag) for tag in tags))


def edit(record: FileRecord, changes: Mapping[str, Any]) -> FileRecord:
    """Apply the changes of ``files.update``. None unsets a field; ``meta`` is merged key by key.

    A new name of a file with a path moves it within its folder. Raises BadPath.
    """
    fields = {name: value for name, value in changes.items() if name != "meta"}
    if "tags" in fields:
        fields["tags"] = normalise_tags(fields["tags"] or ())
    if "grantees" in fields:
        fields["grantees"] = tuple(dict.fromkeys(fields["grantees"] or ()))
    if "meta" in changes:
        fields["meta"] = merge_meta(record.meta, changes["meta"])
    if "name" in fields and record.path is not None and fields["name"] != record.name:
        fields["path"] = renamed(record.path, fields["name"])
        fields["name"] = name_of(fields["path"])
    return replace(record, **fields)


def merge_meta(meta: Mapping[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Set and remove single keys of meta; changes of None empty it."""
    if changes is None:
        return {}
    return {name: value for name, value in {**meta, **changes}.items() if value is not None}


def depth_of(value: Any) -> int:
    """Return the number of lists and objects that are inside each other; 1 for a plain value."""
    depth, level = 0, [value]
    while level:
        depth += 1
        containers = [each for each in level if isinstance(each, (dict, list))]
        level = [
            inner
            for each in containers
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
    return depth


def cut_at(value: Any, levels: int) -> Any:
    """Return the value with null in the place of lists and objects that lie deeper than ``levels``."""
    if not isinstance(value, (dict, list)):
        return value
    if levels == 0:
        return None
    if isinstance(value, dict):
        return {name: cut_at(each, levels - 1) for name, each in value.items()}
    return [cut_at(each, levels - 1) for each in value]


def is_same(one: FileRecord, other: FileRecord) -> bool:
    """Return True when two records are equal byte for byte; Python's ``==`` takes 1, 1.0 and true in meta as equal."""
    return one is other or (one == other and record_to_document(one) == record_to_document(other))


def keeps_the_seal(before: FileRecord, after: FileRecord) -> bool:
    """Return True when an immutable file may be edited this way: only its access may change."""
    return is_same(before, replace(after, access=before.access, grantees=before.grantees))


def is_finished(record: FileRecord) -> bool:
    """Return True when the file is finished."""
    return record.status is FileStatus.PROCESSED
