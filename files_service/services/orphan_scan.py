"""Compares what is in the blob store with what the records name, both ways. Dear: it looks at every blob and record.

A blob is deleted only when its key is one that this service makes for a part, no record or tombstone can want it, and
it has been so for as long as the settings say, never less than an upload lives. Everything else is only reported.
"""

from __future__ import annotations

import re

from files_service.core import Core
from files_service.domain.chunking import CHUNKS
from files_service.domain.uploads import mismatch, names_in_key, owner_segment
from files_service.errors import storage_errors_as_files_errors
from files_service.services import content
from files_service.services.reconcile_report import Report
from storage_adapters import BlobInfo, BlobNotFound, FileRecord, Part, RecordDeleted, RecordNotFound, SupportsListing

_FILE_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_PART_ID = re.compile(r"p[0-9]{1,3}")


class Inventory:
    """One bounded look at the blobs, or the records, of an owner or of everybody."""

    def __init__(self, core: Core, report: Report, *, owner: str | None, dry_run: bool) -> None:
        self._core, self._report, self._dry_run = core, report, dry_run
        self._prefix = f"{owner_segment(owner)}/" if owner is not None else ""
        kept = max(core.settings.orphan_seconds, core.settings.upload_ttl_seconds)
        self._kept_since = core.clock() - kept * 1000

    def look_at_blobs(self, after: str, limit: int) -> tuple[int, str | None]:
        """Look for blobs that nothing names, behind a key; how many were looked at, and the key to go on from."""
        blobs = self._core.blobs
        if not isinstance(blobs, SupportsListing):
            return 0, None
        with storage_errors_as_files_errors():
            found = blobs.scan(prefix=self._prefix, after=after, limit=limit)
        for info in found:
            with self._report.noting_errors(info.key):
                self._treat(info)
        return len(found), found[-1].key if len(found) == limit else None

    def look_for_bytes(self, record: FileRecord) -> None:
        """Report the file when bytes are missing that it once had, or others are in their place."""
        received = [part for part in record.parts if part.received_at is not None]
        if any(part.bucket == self._core.blobs.bucket and not self._has_bytes(part) for part in received):
            self._report.lost.append(record.file_id)

    def _has_bytes(self, part: Part) -> bool:
        try:
            return mismatch(part, content.head(self._core, part)) is None
        except BlobNotFound:
            return False

    def _treat(self, info: BlobInfo) -> None:
        names = names_in_key(info.key)
        if names is None or _FILE_ID.fullmatch(names[0]) is None or _PART_ID.fullmatch(names[1]) is None:
            # Chunks are counted by those who name them, and the keys of imported files are of another make.
            is_chunk = info.key.split("/")[1:2] == [CHUNKS]
            if not is_chunk and (names is None or not self._is_wanted(info, names[0])):
                self._report.unnamed.append(info.key)
            return
        wanted = self._is_wanted(info, names[0])
        if wanted is None:
            self._report.unnamed.append(info.key)
        elif not wanted and info.created_at <= self._kept_since:
            if not self._dry_run:
                self._core.blobs.delete(info.key, generation=info.generation)
            self._report.orphans.append(info.key)

    def _is_wanted(self, info: BlobInfo, file_id: str) -> bool | None:
        """Return True if a record names the blob, None when that cannot be told."""
        try:
            record = self._core.metadata.get(file_id)
        except RecordDeleted as error:
            tombstone = error.tombstone
            if tombstone.parts:
                # The sweep deletes them when their time has come.
                return True
            # Without parts it is clean, and the bytes have come late - or they were to be kept.
            return False if tombstone.clean_after > tombstone.deleted_at else None
        except RecordNotFound:
            return False
        return any(part.key == info.key for part in record.parts)
