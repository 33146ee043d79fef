"""Copies of files, and what tests look at where they arrived."""

from __future__ import annotations

from dataclasses import replace

from storage_adapters import FileRecord, RecordDeleted, RecordNotFound, Tombstone
from tests.contract.metadata_scenes import NOW, ReplicaStore, make_part, make_record


def make_tombstone(file_id: str = "f1", **fields: object) -> Tombstone:
    values = {"owner": "ann", "revision": 3, "deleted_at": NOW, "clean_after": NOW + 5, "parts": (make_part(),)}
    return Tombstone(file_id=file_id, **{**values, **fields})  # type: ignore[arg-type]


def copy_of(file_id: str, revision: int, **fields: object) -> FileRecord:
    return replace(make_record(file_id, **fields), revision=revision)


def tombstone_of(store: ReplicaStore, file_id: str) -> Tombstone | None:
    try:
        store.get(file_id)
    except RecordDeleted as error:
        return error.tombstone
    except RecordNotFound:
        pass
    return None
