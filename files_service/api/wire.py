"""The wire form of a record."""

from __future__ import annotations

from dataclasses import replace

from files_service.domain.access import OWNER_ONLY, OWNER_ONLY_OF_PARTS, may_change
from files_service.domain.derived import kind_of
from files_service.domain.editing import MAX_META_DEPTH, cut_at, depth_of
from storage_adapters import (
    JSON,
    FileRecord,
    Part,
    Version,
    record_to_json,
)

MOST_VERSIONS = 20

# Fields that no caller may read back.
SECRET = frozenset({"request_id", "post_action", "access_epoch", "urls_expire_at"})


def to_wire(record: FileRecord, actor: str | None = None) -> JSON:
    """Return the record as callers see it: without secrets, and without the owner's fields for other readers.

    Of its versions, the last ``MOST_VERSIONS`` are shown, without their parts; versions.list has all.
    Deeper meta than may be stored today, of an earlier version, is cut: a list or event with it could not be encoded.
    """
    if depth_of(record.meta) > MAX_META_DEPTH:
        record = replace(record, meta=cut_at(record.meta, MAX_META_DEPTH))
    if record.post_action is not None:
        record = replace(record, post_action=None)
    value = record_to_json(replace(record, versions=()) if record.versions else record)
    if may_change(record, actor):
        value["versions"] = [version_to_wire(each) for each in record.versions[-MOST_VERSIONS:]]
    for name in SECRET:
        del value[name]
    if not may_change(record, actor):
        for name in OWNER_ONLY:
            del value[name]
        for part in value["parts"]:
            for name in OWNER_ONLY_OF_PARTS:
                del part[name]
    if record.derived:
        value["derived"] = [_derived_to_wire(each) for each in record.derived]
    value["change_token"] = record.change_token
    return value


def _derived_to_wire(part: Part) -> JSON:
    """Return a derived part as every reader of the file sees it."""
    names = ("part_id", "type", "content_type", "size")
    return {"kind": kind_of(part.part_id), **{name: getattr(part, name) for name in names}}


def version_to_wire(version: Version) -> JSON:
    """Return a version as the owner sees it: without its parts."""
    return {
        "version_id": version.version_id,
        "size": version.size,
        "content_type": version.content_type,
        "created_at": version.created_at,
        "author": version.author,
        "label": version.label,
    }
