"""Processing of files under a lease: take the file, verify it, record the outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from files_service.core import Core
from files_service.domain.editing import edit
from files_service.domain.lifecycle import (
    ProcessingFailed,
    ProcessingReleased,
    ProcessingStarted,
    ProcessingSucceeded,
    advance,
    attempts_left,
    is_lapsed,
    reclaim,
)
from files_service.domain.paths import BadPath
from files_service.errors import Busy, FilesError, TooManyAttempts
from files_service.services.files import change
from files_service.services.media.derivation import discard, note_dropped
from files_service.services.verification import Abandoned, Findings, verify
from files_service.services.versions.absorbing import absorb
from storage_adapters import (
    Failure,
    FileRecord,
    FileStatus,
    Lease,
    NameTaken,
    RecordNotFound,
    StorageError,
    StorageUnavailable,
)

logger = logging.getLogger(__name__)


def run_processing(
    core: Core,
    record: FileRecord,
    *,
    force: bool,
    abandoned: Callable[[], bool] = lambda: False,
    check: Callable[[FileRecord], None] = lambda record: None,
) -> FileRecord:
    """Take the file, verify it, and record the outcome; a failed file is an outcome, not an error.

    The processed upload of a version is absorbed, and its file is returned.
    ``record`` may be out of date. ``check`` gets the record that is taken and may raise. When ``abandoned`` returns
    True, the file is released unchanged and returned. Raises Busy while another worker processes the file,
    TooManyAttempts, IllegalTransition, and StorageUnavailable, after which the file is released too.
    """
    worker = core.new_id()

    def start(found: FileRecord) -> FileRecord:
        check(found)
        return take(found, worker, core, force=force)

    record = change(core, record.file_id, start, loaded=record)
    if record.lease is None or record.lease.worker != worker:
        return record
    try:
        outcome = verify(core, record, Keepalive(core, record, worker, abandoned), thorough=force)
    except Abandoned:
        return _release(core, record.file_id, worker)
    except StorageUnavailable:
        _release(core, record.file_id, worker)
        raise
    except (FilesError, StorageError):
        # The lease was lost or the file removed.
        raise
    except Exception as error:
        logger.exception("processing failed", extra={"file_id": record.file_id})
        outcome = ProcessingFailed("internal_error", type(error).__name__)
    try:
        processed = record_outcome(core, record, worker, outcome)
    except (FilesError, RecordNotFound):
        # Nothing was saved, and nobody will name the blobs of the previews.
        discard(core, record.file_id, outcome.derivation if isinstance(outcome, Findings) else None)
        raise
    return absorb(core, processed)


def take(record: FileRecord, worker: str, core: Core, *, force: bool) -> FileRecord:
    """Return the record as taken by this worker, if it may process the file; reads the clock but no store."""
    now = core.clock()
    if record.status is FileStatus.PROCESSED and not force:
        return record
    if record.status is FileStatus.PROCESSING:
        if not is_lapsed(record, now=now):
            raise Busy("another worker is processing the file", {"file_id": record.file_id})
        record = reclaim(record, core.settings.max_attempts, now=now)
        if record.status is FileStatus.FAILED and not force:
            return record
    started = advance(record, ProcessingStarted(Lease(worker=worker, until=now + _lease_ms(core))), now=now)
    if force or attempts_left(record, core.settings.max_attempts):
        return started
    if record.status is FileStatus.FAILED:
        assert record.error is not None
        raise TooManyAttempts("processing failed too often; force tries again", {"attempts": record.error.attempts})
    # The limit was lowered since the last attempt.
    return advance(started, ProcessingFailed("too_many_attempts", "processing was given up"), now=now)


def is_overlong(record: FileRecord, core: Core) -> bool:
    """Return True when the lease ends later than one that starts now: a worker wrote it whose clock was ahead."""
    return record.lease is not None and record.lease.until > core.clock() + _lease_ms(core)


def bound_lease(core: Core, record: FileRecord) -> FileRecord:
    """Let the lease of a file end no later than one that starts now; its worker, if it lives, renews it."""
    return change(core, record.file_id, lambda found: with_bounded_lease(found, core), loaded=record)


def with_bounded_lease(record: FileRecord, core: Core) -> FileRecord:
    """Return the record with a lease that ends no later than one that starts now."""
    if record.lease is None or not is_overlong(record, core):
        return record
    return replace(record, lease=replace(record.lease, until=core.clock() + _lease_ms(core)))


def _release(core: Core, file_id: str, worker: str) -> FileRecord:
    return change(
        core, file_id, lambda found: advance(require_lease(found, worker), ProcessingReleased(), now=core.clock())
    )


def record_outcome(core: Core, taken: FileRecord, worker: str, outcome: Findings | ProcessingFailed) -> FileRecord:
    """Save the outcome, and after a success the post action, in one write; ``taken`` may be out of date."""

    def decide(found: FileRecord, *, follow_up: bool) -> FileRecord:
        record = require_lease(found, worker)
        if isinstance(outcome, ProcessingFailed):
            return advance(record, outcome, now=core.clock())
        done = advance(outcome.apply(record), ProcessingSucceeded(), now=core.clock())
        note_dropped(core, record, done)
        if done.post_action is None:
            return done
        if not follow_up:
            failure = Failure(code="post_action_failed", message="the alias or the path is taken", attempts=0)
            return replace(done, post_action=None, error=failure)
        return replace(edit(done, done.post_action["update"]), post_action=None)

    try:
        return change(core, taken.file_id, lambda found: decide(found, follow_up=True), loaded=taken)
    except (NameTaken, BadPath):
        return change(core, taken.file_id, lambda found: decide(found, follow_up=False))


def require_lease(record: FileRecord, worker: str) -> FileRecord:
    """Return the record. Raises Busy when the lease of this worker ran out and another one took the file."""
    if record.lease is None or record.lease.worker != worker:
        raise Busy("the lease ran out and the file was given to another worker", {"file_id": record.file_id})
    return record


class Keepalive:
    """Renewal of the lease after half of its time; called often, it rarely writes."""

    def __init__(self, core: Core, record: FileRecord, worker: str, abandoned: Callable[[], bool]) -> None:
        self._core, self._file_id, self._worker, self._abandoned = core, record.file_id, worker, abandoned
        self._renew_at = core.timer() + _lease_ms(core) // 2
        self._ends_at = core.timer() + _lease_ms(core)

    def __call__(self) -> None:
        """Renew the lease when due. Raises Busy after the loss of the lease, Abandoned when the worker must stop.

        Raises StorageUnavailable when the lease ends before the store answers again.
        """
        if self._abandoned():
            raise Abandoned
        began, length = self._core.timer(), _lease_ms(self._core)
        if began < self._renew_at:
            return
        lease = Lease(worker=self._worker, until=self._core.clock() + length)
        try:
            change(self._core, self._file_id, lambda found: replace(require_lease(found, self._worker), lease=lease))
        except StorageUnavailable:
            # A short outage of the store does not make hours of reading vain.
            self._renew_at = self._core.timer() + length // 16
            if self._renew_at >= self._ends_at:
                raise
            return
        self._renew_at, self._ends_at = began + length // 2, began + length


def _lease_ms(core: Core) -> int:
    return core.settings.lease_seconds * 1000
