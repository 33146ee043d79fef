"""Mapping of an ms-files hash to a record, with its oddities. Pure.

Nothing is dropped silently: a field is mapped, kept under ``meta``, or reported as an oddity; a file that cannot be
mapped has an oddity with ``fatal``.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from migrations.importers.ms_files import model
from migrations.importers.ms_files.fields import Fields, Source, Unmappable, number
from migrations.importers.ms_files.oddities import Oddity
from migrations.importers.ms_files.parts import map_parts
from storage_adapters import JSON, Access, Failure, FileRecord, FileStatus, tag_form

MAX_TAGS, MAX_TAG, MAX_OWNER, MAX_META_BYTES = 20, 40, 78, 64 * 1024
KEPT = "ms_files"  # key of meta that holds fields without an equivalent

_STATUSES = {
    model.PENDING: FileStatus.PENDING,
    model.UPLOADED: FileStatus.UPLOADED,
    model.PROCESSING: FileStatus.UPLOADED,
    model.PROCESSED: FileStatus.PROCESSED,
    model.FAILED: FileStatus.FAILED,
}


@dataclass(slots=True)
class Mapped:
    """A record (None if impossible) and its oddities."""

    record: FileRecord | None
    oddities: list[Oddity]


def map_file(source: Source) -> Mapped:
    """Make the record without reading the clock: the same source gives the same record."""
    fields = Fields(source)
    try:
        return Mapped(_record(source, fields), fields.oddities)
    except Unmappable:
        return Mapped(None, fields.oddities)


def _record(source: Source, fields: Fields) -> FileRecord:
    if not source.file_id:
        fields.give_up("not_a_record", "the id is empty")
    status = _status(fields)
    owner = _owner(fields)
    created_at = fields.time("startedAt") or fields.time("uploadedAt")
    if created_at is None:
        fields.note("missing_time", "neither startedAt nor uploadedAt; the creation time is set to 0")
        created_at = 0
    uploaded_at = None if status is FileStatus.PENDING else fields.time("uploadedAt") or created_at
    parts, others = map_parts(fields, received=source.received, received_at=uploaded_at)
    if status is FileStatus.PENDING and all(part.received_at is not None for part in parts):
        # The upload was interrupted after its last part and would have waited until it expired.
        fields.note("finish_cut_short", "all parts have arrived: imported as uploaded")
        status, uploaded_at = FileStatus.UPLOADED, max(part.received_at or 0 for part in parts)
    temporary = fields.flag("temporary")
    if temporary and source.expires_at is None:
        fields.note("temporary_without_ttl", "expires a day after its start")
    expires_at = source.expires_at or created_at + model.UPLOAD_TTL_MS
    return FileRecord(
        file_id=source.file_id,
        owner=owner,
        name=_name(source, fields),
        created_at=created_at,
        parts=parts,
        size=sum(part.size for part in parts),
        content_type=parts[0].content_type,
        status=status,
        access=_access(fields),
        alias=_alias(source, fields),
        tags=_tags(fields),
        meta=_meta(fields, others),
        temporary=temporary,
        immutable=fields.flag("immutable"),
        expires_at=expires_at if temporary else None,
        upload_expires_at=expires_at if status is FileStatus.PENDING else None,
        uploaded_at=uploaded_at,
        processed_at=uploaded_at if status is FileStatus.PROCESSED else None,
        error=_failure(fields) if status is FileStatus.FAILED else None,
        parent_id=fields.plain(fields.text("parentId"), "parentId") or None,
        post_action=_post_action(source, fields),
        revision=1,
    )


def _status(fields: Fields) -> FileStatus:
    found = fields.text("status")
    if found not in _STATUSES:
        fields.give_up("unknown_status", f"status {found!r}")
    if found == model.PROCESSING:
        fields.note("processing_elsewhere", "its worker is not imported: it is processed again")
    return _STATUSES[found]


def _owner(fields: Fields) -> str:
    owner = fields.text("owner")
    if not 1 <= len(owner) <= MAX_OWNER:
        fields.give_up("no_owner" if not owner else "owner_too_long", f"owner {owner!r}")
    return fields.plain(owner, "owner")


def _name(source: Source, fields: Fields) -> str:
    name = fields.text("name")
    if not name:
        fields.note("no_name", "named after its id")
    return fields.plain(name, "name") or source.file_id


def _access(fields: Fields) -> Access:
    if fields.flag("unlisted"):
        if fields.flag("public"):
            fields.note("public_and_unlisted", "imported as unlisted")
        return Access.UNLISTED
    if not fields.flag("public"):
        return Access.PRIVATE
    if fields.flag("direct"):
        fields.note("direct_only", "public bytes that are in no public list: imported as unlisted")
        return Access.UNLISTED
    return Access.PUBLIC


def _alias(source: Source, fields: Fields) -> str | None:
    alias = fields.plain(fields.text("alias"), "alias")
    if not alias:
        return None
    if source.alias_holder is None:
        fields.note("alias_not_in_table", f"alias {alias!r} resolves to no file; omitted")
        return None
    if source.alias_holder != source.file_id:
        fields.note("alias_of_another", f"alias {alias!r} resolves to {source.alias_holder}; omitted")
        return None
    return alias


def _tags(fields: Fields) -> tuple[str, ...]:
    found = fields.json("tags", fields.text("tags") or "[]", [])
    if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
        fields.note("corrupt_json", f"tags: {str(found)[:200]}")
        found = []
    tags: list[str] = []
    for tag in found:
        kept = tag_form(tag)
        if not 1 <= len(kept) <= MAX_TAG or "," in kept:
            fields.note("not_a_tag", f"tag {tag!r} is omitted")
        elif kept not in tags:
            tags.append(kept)
    if len(tags) > MAX_TAGS:
        fields.note("too_many_tags", f"omitted: {', '.join(tags[MAX_TAGS:])}")
    return tuple(tags[:MAX_TAGS])


def _meta(fields: Fields, others: list[JSON]) -> JSON:
    """Return the meta with all other fields; ``others`` are fields of parts without an equivalent."""
    meta: JSON = {}
    for name, text in fields.texts.items():
        if name in model.WITHOUT_EQUIVALENT:
            fields.note("without_equivalent", f"{name}: {model.WITHOUT_EQUIVALENT[name]}")
        if name in model.JSON_META:
            meta[name] = fields.json(name, text, text)
        elif name == "categories":
            meta[name] = [each.strip() for each in fields.plain(text, name).split(",") if each.strip()]
        elif name not in model.MAPPED:
            meta[fields.plain(name, "the name of a field")] = fields.plain(text, name)
    if any(others):
        meta[KEPT] = {"parts": others}
    size = len(orjson.dumps(meta))
    if size > MAX_META_BYTES:
        fields.note("meta_too_large", f"{size} bytes are kept; an edit must reduce them to {MAX_META_BYTES}")
    return meta


def _failure(fields: Fields) -> Failure:
    attempts = number(fields.texts.get("error-count"))
    return Failure(
        code="failed_before_import",
        message=fields.plain(fields.text("error"), "error") or "no message",
        attempts=1 if attempts is None else attempts,
    )


def _post_action(source: Source, fields: Fields) -> JSON | None:
    text = source.post_action
    if text is None:
        return None
    found = fields.json("the post action", text, None)
    update = found.get("update") if isinstance(found, dict) else None
    if not isinstance(update, dict):
        fields.note("post_action", f"omitted: {text[:200]}")
        return None
    changes: JSON = {name: update.pop(name) for name in ("name", "alias", "tags") if name in update}
    if isinstance(changes.get("tags"), list):
        changes["tags"] = [tag_form(str(tag)) for tag in changes["tags"]]
    return {"update": {**changes, **({"meta": update} if update else {})}}
