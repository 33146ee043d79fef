"""Reconciliation of records and blobs after lost notifications, dead workers and failed deletions.

A run goes through the stages in order, each in the order of an index, with a bounded number of files per call; a
``Cursor`` says where to continue. Every step is idempotent and may run in several processes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from files_service.core import Core
from files_service.domain.editing import is_finished
from files_service.domain.lifecycle import AllPartsReceived, advance, is_lapsed, reclaim
from files_service.domain.uploads import is_due, mismatch, receive_part
from files_service.errors import (
    NotSupported,
    PartMismatch,
    storage_errors_as_files_errors,
)
from files_service.services import content
from files_service.services.cleaning import clean, delete_blobs
from files_service.services.files import change, write_tombstone
from files_service.services.orphan_scan import OrphanScan
from files_service.services.processing import with_bounded_lease
from files_service.services.reconcile_report import Report
from files_service.services.settled_time import settled_now
from files_service.services.uploads.sweep import finalize
from files_service.services.versions.absorbing import settle_upload
from storage_adapters import (
    BlobInfo,
    BlobNotFound,
    FileRecord,
    FileStatus,
    ListQuery,
    Part,
    Position,
    Section,
    StorageError,
)

BATCH = 100
MAX_PAGES = 10
DAY_MS = 86_400_000


class Stage(StrEnum):
    """Stages in their order; the last two only on request."""

    PENDING = "pending"
    PROCESSING = "processing"
    TEMPORARY = "temporary"
    TRASHED = "trashed"
    VERSIONS = "versions"
    DELETED = "deleted"
    NAMED = "named"
    STORED = "stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Position of a reconciliation: a stage, and the last file in its order."""

    stage: Stage
    after: Position | None = None


START = Cursor(stage=Stage.PENDING)
_NEXT = dict(zip(Stage, list(Stage)[1:], strict=False))
# A run that is not deep ends at these.
_LAST = (Stage.DELETED, Stage.NAMED)
# The query of each stage that lists records; tombstones and blobs have orders of their own.
_QUERIES = {
    Stage.PENDING: ListQuery(section=None, status=FileStatus.PENDING, order_by="created_at", descending=False),
    Stage.PROCESSING: ListQuery(section=None, status=FileStatus.PROCESSING, order_by="created_at", descending=False),
    Stage.TEMPORARY: ListQuery(section=None, order_by="expires_at", descending=False),
    Stage.TRASHED: ListQuery(section=Section.TRASH, order_by="trashed_at", descending=False),
    Stage.VERSIONS: ListQuery(section=Section.VERSIONS, order_by="created_at", descending=False),
    Stage.NAMED: ListQuery(section=None, order_by="created_at", descending=False),
}


class Reconciliation:
    """A bounded run over the files of one owner or of all owners."""

    def __init__(
        self,
        core: Core,
        *,
        owner: str | None,
        older_than_seconds: int,
        dry_run: bool,
        deep: bool = False,
        looked_at: int | None = None,
    ) -> None:
        self.report = Report()
        self._core, self._owner, self._dry_run = core, owner, dry_run
        self._deep, self._looked_at = deep, looked_at
        self._orphan_scan = OrphanScan(core, self.report, owner=owner, dry_run=dry_run)
        self._now = core.clock()
        # Nothing is deleted by a clock that has just been set ahead.
        self._settled_at = settled_now(core)
        self._grace = older_than_seconds * 1000
        self._settled_before = self._now - self._grace
        self._treat: dict[Stage, Callable[[FileRecord], None]] = {
            Stage.PENDING: self._treat_pending,
            Stage.PROCESSING: self._treat_processing,
            Stage.TEMPORARY: self._treat_temporary,
            Stage.TRASHED: self._treat_trashed,
            Stage.VERSIONS: self._treat_version,
            Stage.NAMED: self._orphan_scan.check_record,
        }

    def run(self, cursor: Cursor) -> Cursor | None:
        """Reconcile up to ``BATCH`` files from a cursor on; return the next cursor, None at the end."""
        limit = BATCH
        for _ in range(MAX_PAGES):
            if cursor.stage is Stage.DELETED:
                looked_at, after = self._clean_page(cursor.after, limit)
            elif cursor.stage is Stage.STORED:
                looked_at, key = self._orphan_scan.scan_blobs(cursor.after.file_id if cursor.after else "", limit)
                after = None if key is None else Position(value=None, file_id=key)
            else:
                looked_at, after = self._treat_page(cursor, limit)
            limit -= looked_at
            if after is not None:
                cursor = replace(cursor, after=after)
            elif cursor.stage in _NEXT and (self._deep or cursor.stage not in _LAST):
                cursor = Cursor(stage=_NEXT[cursor.stage])
            else:
                return None
            if limit <= 0:
                break
        return cursor

    def _treat_page(self, cursor: Cursor, limit: int) -> tuple[int, Position | None]:
        query = replace(_QUERIES[cursor.stage], owner=self._owner, limit=limit, after=cursor.after)
        page = self._core.metadata.find(query)
        self._core.lists.note_unreadable(page)
        for looked_at, record in enumerate(page.records):
            if self._is_beyond(cursor.stage, record):
                return looked_at, None
            with self.report.noting_errors(record.file_id):
                self._treat[cursor.stage](record)
        return len(page.records), page.next_position

    def _is_beyond(self, stage: Stage, record: FileRecord) -> bool:
        """Return True when this file, and so every later one in the stage's order, is not due yet."""
        match stage:
            case Stage.PENDING:
                return record.created_at > self._settled_before
            case Stage.TEMPORARY:
                return record.expires_at is None or record.expires_at > self._settled_at
            case Stage.TRASHED:
                return not self._is_purged(record)
            case _:
                return False

    def _is_purged(self, record: FileRecord) -> bool:
        kept_ms = self._core.settings.trash_days * DAY_MS
        return record.trashed_at is not None and record.trashed_at + kept_ms <= self._settled_at

    def _treat_pending(self, record: FileRecord) -> None:
        """Finish parts whose notification was lost, and delete a file whose upload has expired."""
        if not self._is_due(record):
            return
        found = [(part, info) for part in record.missing_parts if (info := self._stored(record, part)) is not None]
        if found or not record.missing_parts:
            if not self._dry_run:
                change(self._core, record.file_id, lambda current: _received(current, found, now=self._core.clock()))
            self.report.finished.append(record.file_id)
        complete = len(found) == len(record.missing_parts)
        if not complete and self._is_over(record):
            self._expire(record.file_id, self._give_up)

    def _is_due(self, record: FileRecord) -> bool:
        """Return True when the blob store should be asked; each request costs money and time."""
        if self._looked_at is None or not record.missing_parts or self._is_over(record):
            return True
        return is_due(record.created_at, looked_at=self._looked_at, now=self._now, grace=self._grace)

    def _is_over(self, record: FileRecord) -> bool:
        """Return True when no bytes can arrive any more, by a signed address or in chunks."""
        if record.upload_expires_at is None or record.upload_expires_at > self._settled_at:
            return False
        uploads = [content.open_upload(self._core, part) for part in record.missing_parts]
        return all(upload is None or upload.expires_at <= self._settled_at for upload in uploads)

    def _give_up(self, current: FileRecord) -> bool:
        """Delete the expired uploads of a pending file; return False when its sender has continued, else True.

        They are deleted before the file, which is then deleted at the revision that was read before: a new upload
        prolongs the file first, so that the deletion conflicts.
        """
        if current.status is not FileStatus.PENDING or (current.upload_expires_at or 0) > self._settled_at:
            return False
        return all(content.forget_abandoned(self._core, part, now=self._settled_at) for part in current.missing_parts)

    def _stored(self, record: FileRecord, part: Part) -> BlobInfo | None:
        """Return the description of a part's stored bytes; delete bytes that differ from the declaration."""
        self._require_bucket(part)
        if not self._dry_run:
            finalize(self._core, part)
            content.complete_parts(self._core, part)
        try:
            info = content.head(self._core, part)
        except BlobNotFound:
            return None
        fault = mismatch(part, info)
        if fault is None:
            return info
        if not self._dry_run:
            content.delete_generation(self._core, part, info.generation)
        name, declared, actual = fault
        details = {"part_id": part.part_id, "field": name, "declared": declared, "actual": actual}
        message = f"{name} of part {part.part_id} is {actual}, declared {declared}"
        self.report.note(record.file_id, PartMismatch(message, details))
        return None

    def _treat_processing(self, record: FileRecord) -> None:
        """Reclaim files from dead workers."""
        max_attempts = self._core.settings.max_attempts

        def decide(current: FileRecord) -> FileRecord:
            now = self._core.clock()
            if is_lapsed(current, now=now):
                return reclaim(current, max_attempts, now=now)
            return with_bounded_lease(current, self._core)

        after = decide(record) if self._dry_run else change(self._core, record.file_id, decide)
        if after.status is FileStatus.UPLOADED:
            self.report.requeued.append(record.file_id)
        elif after.status is FileStatus.FAILED:
            self.report.failed.append(record.file_id)

    def _treat_temporary(self, record: FileRecord) -> None:
        """Delete an expired file in any status."""
        self._expire(record.file_id, lambda current: current.expires_at == record.expires_at)

    def _treat_trashed(self, record: FileRecord) -> None:
        """Delete a file that was in the trash for its time, unless it was restored meanwhile."""
        self._expire(record.file_id, self._is_purged)

    def _treat_version(self, record: FileRecord) -> None:
        """Continue the absorption of a processed upload of a version; delete one that failed long ago."""
        if self._dry_run:
            if is_finished(record):
                self.report.absorbed.append(record.file_id)
            return
        match settle_upload(self._core, record):
            case "absorbed":
                self.report.absorbed.append(record.file_id)
            case "expired":
                self.report.expired.append(record.file_id)

    def _expire(self, file_id: str, still_due: Callable[[FileRecord], bool]) -> None:
        if not self._dry_run:
            current = self._core.metadata.get(file_id)
            if not still_due(current):
                return
            with storage_errors_as_files_errors():
                write_tombstone(self._core, current, event="expired", keep_blobs=False)
        self.report.expired.append(file_id)

    def _clean_page(self, after: Position | None, limit: int) -> tuple[int, Position | None]:
        """Delete the blobs of deleted files; a blob that cannot be deleted stays on its tombstone."""
        tombstones = self._core.metadata.unclean(now=self._now, limit=limit, after=after.file_id if after else "")
        due = [tombstone for tombstone in tombstones if self._owner in (None, tombstone.owner)]
        deleted = not self._dry_run and delete_blobs(self._core, due, singly_after=StorageError)
        for tombstone in due:
            with self.report.noting_errors(tombstone.file_id):
                if self._dry_run:
                    for part in tombstone.parts:
                        self._require_bucket(part)
                else:
                    clean(self._core, tombstone, deleted=deleted)
                self.report.cleaned.append(tombstone.file_id)
        more = len(tombstones) == limit
        return len(tombstones), Position(value=None, file_id=tombstones[-1].file_id) if more else None

    def _require_bucket(self, part: Part) -> None:
        if part.bucket != self._core.blobs.bucket:
            raise NotSupported(f"bucket {part.bucket} is not the configured one", {"bucket": part.bucket})


def _received(record: FileRecord, found: list[tuple[Part, BlobInfo]], *, now: int) -> FileRecord:
    for part, info in found:
        record = receive_part(record, part, info, now=now)
    if record.status is FileStatus.PENDING and not record.missing_parts:
        return advance(record, AllPartsReceived(), now=now)
    return record
