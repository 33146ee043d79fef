"""Reads files of ms-files in batches: each batch is a handful of pipelines, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from migrations.ms_files import model
from migrations.ms_files.mapping import Oddity, Source
from storage_adapters import Keyspace, Row


def read_batch(keyspace: Keyspace, file_ids: Sequence[str]) -> tuple[list[Source], list[Oddity]]:
    """Read these files with everything that belongs to them; what is no file is an oddity."""
    rows = keyspace.rows([model.FILE + file_id for file_id in file_ids])
    found: list[tuple[str, Row]] = []
    oddities: list[Oddity] = []
    for file_id, row in zip(file_ids, rows, strict=True):
        if row is None:
            continue  # it expired or was removed since it was met
        if row.fields is None:
            oddities.append(Oddity(kind="not_a_record", name=file_id, detail="the key is no hash", fatal=True))
        else:
            found.append((file_id, row))
    holders = _alias_holders(keyspace, found)
    post_actions = keyspace.texts([model.POST_ACTION + file_id for file_id, _ in found])
    received = _received(keyspace, found)
    sources = [
        Source(
            file_id=file_id,
            fields=row.fields or {},
            expires_at=row.expires_at,
            post_action=post_action,
            alias_holder=holders.get(file_id),
            received=received.get(file_id, {}),
        )
        for (file_id, row), post_action in zip(found, post_actions, strict=True)
    ]
    oddities += _not_indexed(keyspace, found)
    return sources, oddities


def _alias_holders(keyspace: Keyspace, found: Sequence[tuple[str, Row]]) -> dict[str, str]:
    asked = [
        (file_id, model.ALIASES + row.fields.get("owner", ""), row.fields["alias"])
        for file_id, row in found
        if row.fields and row.fields.get("alias")
    ]
    holders = keyspace.field([(name, alias) for _, name, alias in asked])
    return {file_id: holder for (file_id, *_), holder in zip(asked, holders, strict=True) if holder is not None}


def _received(keyspace: Keyspace, found: Sequence[tuple[str, Row]]) -> dict[str, dict[str, int]]:
    """Which parts of pending uploads have arrived: each part has a little record of its own."""
    asked = [
        (file_id, key)
        for file_id, row in found
        if row.fields and row.fields.get("status") == model.PENDING
        for key in _part_keys(row.fields.get("files", ""))
    ]
    parts = keyspace.rows([model.PART + key for _, key in asked])
    received: dict[str, dict[str, int]] = {}
    for (file_id, key), part in zip(asked, parts, strict=True):
        if part is not None and part.fields and part.fields.get("status") == model.UPLOADED:
            at = part.fields.get("uploadedAt", "")
            received.setdefault(file_id, {})[key] = int(at) if at.isdigit() else 0
    return received


def _part_keys(files: str) -> list[str]:
    try:
        parts = orjson.loads(files)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(parts, list):
        return []
    return [part["filename"] for part in parts if isinstance(part, dict) and isinstance(part.get("filename"), str)]


def _not_indexed(keyspace: Keyspace, found: Sequence[tuple[str, Row]]) -> list[Oddity]:
    """Finished files that should stand in the list of all and do not."""
    listed = [
        file_id
        for file_id, row in found
        if row.fields
        and row.fields.get("status") in (model.UPLOADED, model.PROCESSING, model.PROCESSED, model.FAILED)
        and row.fields.get("temporary") != "1"
        and row.fields.get("unlisted") != "1"
    ]
    present = keyspace.contains([(model.INDEX, file_id) for file_id in listed])
    return [
        Oddity(kind="not_indexed", name=file_id, detail=f"is not in {model.INDEX}; its record is imported")
        for file_id, is_in in zip(listed, present, strict=True)
        if not is_in
    ]


def examine_index(keyspace: Keyspace, name: str, entries: Sequence[tuple[str, str]]) -> list[Oddity]:
    """Compare entries of an index or of a table of aliases with the records they lead to."""
    is_alias = name.startswith(model.ALIASES)
    file_ids = [value if is_alias else member for member, value in entries]
    wanted = _field_of(name)
    keys = [model.FILE + file_id for file_id in file_ids]
    statuses = keyspace.field([(key, "status") for key in keys])
    values = keyspace.field([(key, wanted) for key in keys]) if wanted else [None] * len(keys)
    oddities = []
    for (member, _), file_id, status, value in zip(entries, file_ids, statuses, values, strict=True):
        if status is None:
            kind = "stale_alias" if is_alias else "stale_index_entry"
            detail = f"{name} names it as {member!r}, and there is no record" if is_alias else f"{name} has no record"
            oddities.append(Oddity(kind=kind, name=file_id, detail=detail))
        elif wanted and not _agrees(name, member, wanted, value):
            kind = "stale_alias" if is_alias else "index_disagrees"
            detail = f"{name} has {member!r}" if is_alias else f"{name}, and its {wanted} is {value!r}"
            oddities.append(Oddity(kind=kind, name=file_id, detail=detail))
    return oddities


def _field_of(name: str) -> str:
    """The field of a record that says whether it belongs into this index."""
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
