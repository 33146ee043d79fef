"""Ten thousand files of one owner, written into a store as a copy is: many records share the bytes of a few."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from ulid import ULID

from files_service.core import Core
from files_service.worker.analytics import Analytics
from storage_adapters import FileRecord, SupportsReplication
from tests.cores import processed_file, with_preview

_BATCH = 2_500
_START_AT = 1_700_000_000_000


def fill(
    core: Core, owner: str, count: int, models: Sequence[FileRecord], *, apart_ms: int = 60_000, start: int = 0
) -> None:
    """Write so many files from a number on, each like one of the models and so much later than the one before it."""
    assert isinstance(core.metadata, SupportsReplication)
    made = (_like(models[number % len(models)], owner, number, apart_ms) for number in range(start, start + count))
    while batch := list(islice(made, _BATCH)):
        core.metadata.replicate(batch)


def model(core: Core, name: str, content: bytes, content_type: str, **pictures: bytes) -> FileRecord:
    """A processed file of nobody who is asked for, with previews."""
    parts = [{"size": len(content), "content_type": content_type}]
    file_id = processed_file(core, content, owner="models", name=name, parts=parts)["file_id"]
    if pictures:
        with_preview(core, file_id, **pictures)
    return core.metadata.get(file_id)


def count_all(core: Core) -> None:
    """Let the worker count what was written without a change feed."""
    worker = Analytics(core, holder="worker")
    for _ in range(4):
        worker.step()
    worker.give_up()


def _like(like: FileRecord, owner: str, number: int, apart_ms: int) -> FileRecord:
    at = _START_AT + number * apart_ms
    file_id = str(ULID.from_bytes(at.to_bytes(6, "big") + number.to_bytes(10, "big")))
    stem, dot, suffix = like.name.rpartition(".")
    return replace(
        like,
        file_id=file_id,
        owner=owner,
        name=f"{stem} {number:05}{dot}{suffix}",
        path=None,
        created_at=at,
        uploaded_at=at,
        processed_at=at,
        captured_at=None,
    )
