"""Files whose bytes have come, and how that is told."""

from __future__ import annotations

from typing import Any

from files_service.core import Core
from storage_adapters import JSON
from tests.cores import call, pending_file, put_parts


def arrived(core: Core, *contents: bytes, **params: Any) -> JSON:
    """A pending file whose bytes are in the blob store."""
    record = pending_file(core, *contents, **params)
    put_parts(core, record, list(contents or (b"content",)))
    return record


def finish(core: Core, record: JSON, index: int = 0, **params: Any) -> JSON:
    return call(core, "files.finish", file_id=record["file_id"], part_id=f"p{index}", **params)


def notification(record: JSON, index: int = 0) -> JSON:
    part = record["parts"][index]
    return {"key": part["key"], "bucket": part["bucket"]}
