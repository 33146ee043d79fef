"""What ``files.sync`` finds, and what it says of it."""

from __future__ import annotations

from typing import Any

from files_service.core import Core
from files_service.services.files import change
from files_service.services.processing import take
from storage_adapters import JSON, BlobNotFound
from tests.clocks import Clock
from tests.cores import call, pending_file, uploaded_file

KINDS = ("finished", "expired", "requeued", "failed", "absorbed", "cleaned", "orphans", "unnamed", "lost", "errors")
DEEP = ("orphans", "unnamed", "lost")


def sync(core: Core, **params: Any) -> JSON:
    """What a call reports, without the kinds of which there is nothing."""
    report = call(core, "files.sync", **params)
    assert report["counts"] == {kind: len(report[kind]) for kind in KINDS}
    assert report["dry_run"] is params.get("dry_run", False)
    return {kind: report[kind] for kind in KINDS if report[kind]}


def vanished(core: Core, **params: Any) -> JSON:
    """A file whose worker took it and was never seen again."""
    record = uploaded_file(core, **params)
    change(core, record["file_id"], lambda found: take(found, "gone", core, force=False))
    return record


def info(core: Core, record: JSON) -> JSON:
    return call(core, "files.info", file_id=record["file_id"])


def is_stored(core: Core, record: JSON, index: int = 0) -> bool:
    try:
        core.blobs.head(record["parts"][index]["key"])
    except BlobNotFound:
        return False
    return True


def expired_upload(core: Core, clock: Clock) -> JSON:
    record = pending_file(core)
    clock.now = record["upload_expires_at"]
    return record
