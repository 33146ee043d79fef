"""Edits of the name, alias, tags, meta and access of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from files_service.core import Core
from files_service.domain.editing import MAX_META_BYTES, MAX_TAGS, edit, is_same, keeps_the_seal, normalise_tags
from files_service.domain.identity import may_share
from files_service.domain.paths import BadPath
from files_service.domain.scopes import SHARES
from files_service.errors import Conflict, Forbidden, bad_request
from files_service.services.content_types import require_allowed_changes
from files_service.services.files import change, changeable, require_change, require_mutable
from storage_adapters import Access, FileRecord

CombineTags = Callable[[tuple[str, ...], tuple[str, ...]], Iterable[str]]


def update(
    core: Core, file_id: str, changes: Mapping[str, Any], *, actor: str | None, expected_revision: int | None
) -> FileRecord:
    """Apply ``changes`` to a file; null unsets.

    Raises Conflict when the file is at another revision than expected, and Forbidden for readers that are changed by
    an API key without the scope for that.
    """
    require_allowed_changes(changes, "changes", core)
    require_sharing(changes, actor)

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        edited = _edited(record, changes)
        if is_same(edited, record):
            return record
        if not keeps_the_seal(record, edited):
            require_mutable(record)
        if expected_revision is not None and expected_revision != record.revision:
            raise Conflict(f"the file is at revision {record.revision}", {"revision": record.revision})
        return require_fitting_meta(edited)

    return change(core, file_id, decide, event="updated", loaded=changeable(core, file_id, actor))


def require_sharing(changes: Mapping[str, Any], actor: str | None) -> None:
    """Raise Forbidden when changes, or the fields of a new file, name readers and the actor may not do that."""
    names_readers = "grantees" in changes or changes.get("access") not in (None, Access.PRIVATE)
    if names_readers and not may_share(actor):
        raise Forbidden(f"the key does not have the scope {SHARES}", {"scope": SHARES})


def _edited(record: FileRecord, changes: Mapping[str, Any]) -> FileRecord:
    try:
        return edit(record, changes)
    except BadPath as error:
        raise bad_request("changes.name", str(error)) from error


def require_fitting_meta(record: FileRecord) -> FileRecord:
    """Return the record. Raises BadRequest when edits have made its meta too large."""
    size = len(orjson.dumps(record.meta))
    if size > MAX_META_BYTES:
        raise bad_request("changes.meta", f"Would make meta {size} bytes of JSON; at most {MAX_META_BYTES}.")
    return record


def set_access(core: Core, file_id: str, access: Access, *, actor: str | None) -> FileRecord:
    """Set the access of a file."""

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        return replace(record, access=access)

    return change(core, file_id, decide, event="access_changed", loaded=changeable(core, file_id, actor))


def set_tags(core: Core, file_id: str, tags: Iterable[str], combine: CombineTags, *, actor: str | None) -> FileRecord:
    """Set the tags that ``combine`` makes of the present ones and ``tags``. Raises BadRequest for too many."""
    given = normalise_tags(tags)

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        combined = normalise_tags(combine(record.tags, given))
        if len(combined) > MAX_TAGS:
            raise bad_request("tags", f"A file has at most {MAX_TAGS} tags.")
        if combined == record.tags:
            return record
        require_mutable(record)
        return replace(record, tags=combined)

    return change(core, file_id, decide, event="updated", loaded=changeable(core, file_id, actor))
