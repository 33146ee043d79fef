"""Checks of ms-files keys other than records: indexes, aliases, rows of parts, post actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from migrations.importers.ms_files import model
from migrations.importers.ms_files.oddities import Oddity
from storage_adapters import Keyspace


def is_index(name: str) -> bool:
    """Return True for an index or a table of aliases, whose entries are checked one by one."""
    if name.startswith(model.REFERENCED) or name.endswith(model.CACHED_KEYS):
        return False
    return name.startswith((model.INDEX, model.ALIASES))


def examine_keys(keyspace: Keyspace, names: Sequence[str]) -> list[Oddity]:
    """Check keys that are neither records nor indexes."""
    return [
        *_parts(keyspace, [name for name in names if name.startswith(model.PART)]),
        *_post_actions(keyspace, [name for name in names if name.startswith(model.POST_ACTION)]),
        *_others(name for name in names if not name.startswith(model.KNOWN) and name not in model.KNOWN_NAMES),
    ]


def _parts(keyspace: Keyspace, names: Sequence[str]) -> Iterator[Oddity]:
    owners = [row[0] for row in keyspace.fields(names, ["uploadId"])]
    rows = keyspace.fields([model.FILE + (owner or "") for owner in owners], ["status"])
    for name, owner, (status,) in zip(names, owners, rows, strict=True):
        if status is None:
            detail = f"belongs to upload {owner!r}, which has no record; its bytes may still exist"
            yield Oddity(kind="stray_part", name=name.removeprefix(model.PART), detail=detail)


def _post_actions(keyspace: Keyspace, names: Sequence[str]) -> Iterator[Oddity]:
    file_ids = [name.removeprefix(model.POST_ACTION) for name in names]
    rows = keyspace.fields([model.FILE + file_id for file_id in file_ids], ["status"])
    for file_id, (status,) in zip(file_ids, rows, strict=True):
        if status is None:
            yield Oddity(kind="stray_post_action", name=file_id, detail="no record exists")
        elif status == model.PROCESSED:
            yield Oddity(kind="post_action", name=file_id, detail="omitted: the file is already processed")


def _others(names: Iterator[str]) -> Iterator[Oddity]:
    for name in names:
        if name.startswith(model.WATCH):
            detail = "a watch of the bucket: `files gcs setup` creates its own notifications"
            yield Oddity(kind="without_equivalent", name=name, detail=detail)
        else:
            yield Oddity(kind="unknown_key", name=name, detail="not a known key of ms-files; ignored")


def examine_index(keyspace: Keyspace, name: str, entries: Sequence[tuple[str, str]]) -> list[Oddity]:
    """Compare entries of an index or of a table of aliases with their records."""
    is_alias = name.startswith(model.ALIASES)
    file_ids = [value if is_alias else member for member, value in entries]
    wanted = _field_of(name)
    rows = keyspace.fields([model.FILE + file_id for file_id in file_ids], ["status", wanted or "status"])
    oddities = []
    for (member, _), file_id, (status, value) in zip(entries, file_ids, rows, strict=True):
        if status is None:
            kind = "stale_alias" if is_alias else "stale_index_entry"
            detail = f"{name} contains it as {member!r}, but no record exists" if is_alias else f"{name} has no record"
            oddities.append(Oddity(kind=kind, name=file_id, detail=detail))
        elif wanted and not _agrees(name, member, wanted, value):
            kind = "stale_alias" if is_alias else "index_disagrees"
            detail = f"{name} has {member!r}" if is_alias else f"{name}, but its {wanted} is {value!r}"
            oddities.append(Oddity(kind=kind, name=file_id, detail=detail))
    return oddities


def _field_of(name: str) -> str:
    """Return the record field that decides the membership in this index."""
    if name.startswith(model.ALIASES):
        return "alias"
    if name.startswith(model.TAG_INDEX):
        return "tags"
    if name == model.PENDING_INDEX:
        return "status"
    if name.endswith((":pub", "-pub")):
        return "public"
    return "owner" if model.owner_of_index(name) is not None else ""


def _agrees(name: str, member: str, wanted: str, value: str | None) -> bool:
    match wanted:
        case "alias":
            return value == member
        case "tags":
            return name.removeprefix(model.TAG_INDEX).lower() in _tags(value or "")
        case "status":
            return value == model.PENDING
        case "public":
            return value in ("1", "true")
        case _:
            return value == model.owner_of_index(name)


def _tags(text: str) -> set[str]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return set()
    return {str(tag).lower() for tag in found} if isinstance(found, list) else set()
