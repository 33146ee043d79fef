"""files.process: verify an uploaded file and let the hooks look at it."""

from __future__ import annotations

from dataclasses import replace

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    change,
    file_id_field,
    require_change,
    to_wire,
)
from files_service.actions.parameters import flag
from files_service.core import Core
from files_service.domain.editing import edit
from files_service.domain.lifecycle import (
    ProcessingExpired,
    ProcessingFailed,
    ProcessingReleased,
    ProcessingStarted,
    ProcessingSucceeded,
    advance,
    attempts_left,
)
from files_service.errors import Busy, TooManyAttempts
from files_service.inspection import Findings, inspect
from storage_adapters import JSON, Failure, FileRecord, FileStatus, Lease, NameTaken, StorageUnavailable


class ProcessParams(ParamsSchema):
    """Parameters of files.process."""

    file_id = file_id_field()
    force = flag("Process again what is processed, or what failed too often.")


@action("files.process", ProcessParams)
def process(params: Params, core: Core) -> JSON:
    """Process an uploaded or failed file now; a processed one is returned as it is."""
    record = core.metadata.get(params["file_id"])
    require_change(record, params["actor"])
    return to_wire(run_processing(core, record, force=params["force"]))


def run_processing(core: Core, record: FileRecord, *, force: bool) -> FileRecord:
    """Take the file, inspect it, and write down the outcome; a failed file is an outcome, not an error.

    Raises Busy when another worker has it, TooManyAttempts, IllegalTransition, and StorageUnavailable, in which case
    the file was given back.
    """
    worker = core.new_id()
    record = change(core, record.file_id, lambda found: take(found, worker, core, force=force))
    if record.lease is None or record.lease.worker != worker:
        return record
    try:
        outcome = inspect(core, record, Keepalive(core, record, worker))
    except StorageUnavailable:
        change(core, record.file_id, lambda found: advance(mine(found, worker), ProcessingReleased(), now=core.clock()))
        raise
    return settle(core, record.file_id, worker, outcome)


def take(record: FileRecord, worker: str, core: Core, *, force: bool) -> FileRecord:
    """Decide whether this worker may process the file, and start: pure but for the clock."""
    now = core.clock()
    if record.status is FileStatus.PROCESSED and not force:
        return record
    if record.status is FileStatus.PROCESSING:
        if record.lease is not None and record.lease.until > now:
            raise Busy("another worker is processing the file", {"file_id": record.file_id})
        record = advance(record, ProcessingExpired(), now=now)
    started = advance(record, ProcessingStarted(Lease(worker=worker, until=now + _lease_ms(core))), now=now)
    if force or attempts_left(record, core.settings.max_attempts):
        return started
    if record.status is FileStatus.FAILED:
        assert record.error is not None
        raise TooManyAttempts("processing failed too often; force tries again", {"attempts": record.error.attempts})
    # Worker after worker vanished over this file. It must not go round for ever.
    return advance(started, ProcessingFailed("too_many_attempts", "processing was given up"), now=now)


def settle(core: Core, file_id: str, worker: str, outcome: Findings | ProcessingFailed) -> FileRecord:
    """Write down the outcome, and the changes that were to follow a success, in one write."""

    def decide(found: FileRecord, *, follow_up: bool) -> FileRecord:
        record = mine(found, worker)
        if isinstance(outcome, ProcessingFailed):
            return advance(record, outcome, now=core.clock())
        done = advance(outcome.apply(record), ProcessingSucceeded(), now=core.clock())
        if done.post_action is None:
            return done
        if not follow_up:
            failure = Failure(code="post_action_failed", message="the alias is taken", attempts=0)
            return replace(done, post_action=None, error=failure)
        return replace(edit(done, done.post_action["update"]), post_action=None)

    try:
        return change(core, file_id, lambda found: decide(found, follow_up=True))
    except NameTaken:
        return change(core, file_id, lambda found: decide(found, follow_up=False))


def mine(record: FileRecord, worker: str) -> FileRecord:
    """The record, if this worker still has it. Raises Busy when the lease went to somebody else."""
    if record.lease is None or record.lease.worker != worker:
        raise Busy("the lease ran out and the file was given to another worker", {"file_id": record.file_id})
    return record


class Keepalive:
    """Renews the lease once half of it is over; called often, writes seldom."""

    def __init__(self, core: Core, record: FileRecord, worker: str) -> None:
        self._core, self._file_id, self._worker = core, record.file_id, worker
        self._renew_at = core.clock() + _lease_ms(core) // 2

    def __call__(self) -> None:
        """Renew if it is time. Raises Busy when the lease was lost."""
        now = self._core.clock()
        if now < self._renew_at:
            return
        lease = Lease(worker=self._worker, until=now + _lease_ms(self._core))
        change(self._core, self._file_id, lambda found: replace(mine(found, self._worker), lease=lease))
        self._renew_at = now + _lease_ms(self._core) // 2


def _lease_ms(core: Core) -> int:
    return core.settings.lease_seconds * 1000
