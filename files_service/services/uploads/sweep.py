"""Sweep of uploads: delete expired ones, and chunks without references."""

from __future__ import annotations

from collections import Counter

from files_service.core import Core
from files_service.errors import FilesError
from files_service.services.chunk_orphans import remember_domain
from files_service.services.content import open_upload
from files_service.services.quarantine import hold_upload
from files_service.services.settled_time import settled_now
from files_service.services.uploads.finish import complete
from files_service.services.uploads.protected_chunks import delete_bytes, put_off, retry
from files_service.services.uploads.session import UploadSession
from storage_adapters import Part, SupportsUploads

BATCH = 100


def finalize(core: Core, part: Part) -> None:
    """Complete an upload whose finisher died after the last byte; leave it open when that fails."""
    upload = open_upload(core, part)
    if upload is not None and upload.complete:
        try:
            complete(core, UploadSession(upload))
        except FilesError:
            # Bytes that differ from the declaration are deleted; a lost race is left to the next run.
            return


def sweep_uploads(core: Core) -> Counter[str]:
    """Delete a bounded number of expired uploads and unused chunks; return the number of each.

    Chunks that a retention or a hold protects are tried again by later sweeps.
    """
    counts: Counter[str] = Counter()
    uploads = core.metadata
    if not isinstance(uploads, SupportsUploads):
        return counts
    now = settled_now(core)
    for upload in uploads.expired_uploads(now=now, limit=BATCH):
        # The sender may have prolonged it since the list was read.
        if uploads.delete_upload(upload.upload_id, now=now, only_expired=True):
            hold_upload(core, upload)
            counts["expired_uploads"] += 1
    unused_before = now - core.settings.chunk_quarantine_seconds * 1000
    garbage = uploads.mark_garbage(unused_before=unused_before, limit=BATCH)
    # A slow writer may store a chunk after its place is gone; the scan for orphans needs the domain then.
    for domain in sorted({each.domain for each in garbage}):
        remember_domain(core, domain)
    protected = [each for each in garbage if not delete_bytes(core, each)]
    put_off(core, protected)
    if garbage:
        uploads.forget_garbage(garbage)
    counts["protected_chunks"] = len(protected)
    counts["chunks"] = len(garbage) - len(protected) + retry(core)
    return counts
