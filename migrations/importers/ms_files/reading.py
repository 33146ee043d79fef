"""Batch reading of ms-files' files: each batch takes a few pipelines, whatever its size."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from migrations.importers.ms_files import model
from migrations.importers.ms_files.fields import Source, number
from migrations.importers.ms_files.oddities import Oddity
from storage_adapters import Keyspace, Row


def read_batch(keyspace: Keyspace, file_ids: Sequence[str]) -> tuple[list[Source], list[Oddity]]:
    """Read these files with all their data; report keys that are not files."""
    rows = keyspace.rows([model.FILE + file_id for file_id in file_ids])
    found: list[tuple[str, Row]] = []
    oddities: list[Oddity] = []
    for file_id, row in zip(file_ids, rows, strict=True):
        if row is None:
            continue  # it expired or was removed after the scan
        if row.fields is None:
            oddities.append(Oddity(kind="not_a_record", name=file_id, detail="the key is not a hash", fatal=True))
        else:
            found.append((file_id, row))
    holders = _alias_holders(keyspace, found)
    post_actions = _post_actions(keyspace, found)
    received = _received(keyspace, found)
    sources = [
        Source(
            file_id=file_id,
            fields=row.fields or {},
            expires_at=row.expires_at,
            post_action=post_actions.get(file_id),
            alias_holder=holders.get(file_id),
            received=received.get(file_id, {}),
        )
        for file_id, row in found
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


def _post_actions(keyspace: Keyspace, found: Sequence[tuple[str, Row]]) -> dict[str, str]:
    """Read the post actions of files that are not processed."""
    file_ids = [file_id for file_id, row in found if row.fields and row.fields.get("status") != model.PROCESSED]
    texts = keyspace.texts([model.POST_ACTION + file_id for file_id in file_ids])
    return {file_id: text for file_id, text in zip(file_ids, texts, strict=True) if text is not None}


def _received(keyspace: Keyspace, found: Sequence[tuple[str, Row]]) -> dict[str, dict[str, int]]:
    """Read the arrival records of the parts of pending uploads."""
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
            received.setdefault(file_id, {})[key] = number(at) or 0
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
    """Find finished files that are missing in the index of all files."""
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
