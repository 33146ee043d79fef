"""The life of a file: everything that affects its status lives in this file.

1. ``TRANSITIONS`` is the specification; the diagram in the documents is drawn from it.
2. Every pair of status and event is decided: in the table, or it is an ``IllegalTransition`` and nothing changes.
3. Status is written by ``advance`` alone.
4. A worker that dies cannot leave a file stuck: its lease runs out, and ``ProcessingExpired`` returns the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from storage_adapters import Failure, FileRecord, FileStatus, Lease


@dataclass(frozen=True, slots=True)
class AllPartsReceived:
    """The last missing part is in the blob store."""


@dataclass(frozen=True, slots=True)
class ProcessingStarted:
    """A worker took the file on, until its lease runs out."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class ProcessingSucceeded:
    """The bytes are what was declared and every hook agreed."""


@dataclass(frozen=True, slots=True)
class ProcessingFailed:
    """The bytes are wrong or a hook refused."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ProcessingExpired:
    """The worker's lease ran out."""


@dataclass(frozen=True, slots=True)
class ProcessingReleased:
    """The worker gave the file back untouched: it is stopping, or the blob store is away. No attempt is counted."""


@dataclass(frozen=True, slots=True)
class ProcessingSkipped:
    """The caller vouches for the bytes: processed without a look at them."""


Event = (
    AllPartsReceived
    | ProcessingStarted
    | ProcessingSucceeded
    | ProcessingFailed
    | ProcessingExpired
    | ProcessingReleased
    | ProcessingSkipped
)

TRANSITIONS: dict[FileStatus, dict[type[Event], FileStatus]] = {
    FileStatus.PENDING: {
        AllPartsReceived: FileStatus.UPLOADED,
    },
    FileStatus.UPLOADED: {
        ProcessingStarted: FileStatus.PROCESSING,
        ProcessingSkipped: FileStatus.PROCESSED,
    },
    FileStatus.PROCESSING: {
        ProcessingSucceeded: FileStatus.PROCESSED,
        ProcessingFailed: FileStatus.FAILED,
        ProcessingExpired: FileStatus.UPLOADED,
        ProcessingReleased: FileStatus.UPLOADED,
    },
    FileStatus.PROCESSED: {
        ProcessingStarted: FileStatus.PROCESSING,
    },
    FileStatus.FAILED: {
        ProcessingStarted: FileStatus.PROCESSING,
    },
}

# What the change feed announces on arrival in a status; a start of processing is nobody's business.
ANNOUNCED: dict[FileStatus, str | None] = {
    FileStatus.PENDING: "created",
    FileStatus.UPLOADED: "uploaded",
    FileStatus.PROCESSING: None,
    FileStatus.PROCESSED: "processed",
    FileStatus.FAILED: "failed",
}

# Failures that say nothing certain about the bytes; every other one would only repeat itself.
RETRIED_CODES = frozenset({"hook_failed", "internal_error"})


class IllegalTransition(Exception):
    """The event cannot happen in this status."""

    def __init__(self, status: FileStatus, event: type[Event]) -> None:
        super().__init__(f"{event.__name__} cannot happen to a file that is {status.value}")
        self.status = status


def next_status(status: FileStatus, event: type[Event]) -> FileStatus:
    """Look the event up in the table. Raises IllegalTransition."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        raise IllegalTransition(status, event) from None


def advance(record: FileRecord, event: Event, *, now: int) -> FileRecord:
    """Apply an event: the new status and everything that goes with it. Raises IllegalTransition."""
    status = next_status(record.status, type(event))
    changes: dict[str, Any] = {"status": status, "lease": None}
    match event:
        case AllPartsReceived():
            # upload_expires_at stays: until then an address can bring bytes again after the file was removed.
            changes |= {"uploaded_at": now, "size": sum(p.size for p in record.parts)}
        case ProcessingStarted(lease=lease):
            changes["lease"] = lease
        case ProcessingSucceeded() | ProcessingSkipped():
            changes |= {"processed_at": record.processed_at or now, "error": None}
        case ProcessingFailed(code=code, message=message):
            attempts = (record.error.attempts if record.error else 0) + 1
            changes["error"] = Failure(code=code, message=message, attempts=attempts)
        case ProcessingExpired():
            attempts = (record.error.attempts if record.error else 0) + 1
            changes["error"] = Failure(code="lease_expired", message="the worker vanished", attempts=attempts)
    return replace(record, **changes)


def announcement(before: FileRecord, after: FileRecord, otherwise: str | None) -> str | None:
    """The event of a change: the new status if that changed, else what the action calls it.

    A file that a worker gave back is not uploaded anew, and one processed again is announced again.
    """
    if before.status is after.status:
        return otherwise
    if before.status is FileStatus.PROCESSING and after.status is FileStatus.UPLOADED:
        return None
    return ANNOUNCED[after.status]


def attempts_left(record: FileRecord, max_attempts: int) -> bool:
    """Whether processing may be tried again without force."""
    return record.error is None or record.error.attempts < max_attempts


def is_lapsed(record: FileRecord, *, now: int) -> bool:
    """Whether the file is being processed by nobody: its worker's lease ran out."""
    return record.status is FileStatus.PROCESSING and (record.lease is None or record.lease.until <= now)


def reclaim(record: FileRecord, max_attempts: int, *, now: int) -> FileRecord:
    """Take a lapsed file from its worker: uploaded again, or failed when this was the last attempt."""
    reclaimed = advance(record, ProcessingExpired(), now=now)
    if attempts_left(reclaimed, max_attempts):
        return reclaimed
    return advance(record, ProcessingFailed("too_many_attempts", "worker after worker vanished"), now=now)


def is_retried(record: FileRecord, max_attempts: int) -> bool:
    """Whether a failed file is worth another attempt by itself: nothing certain is known against its bytes."""
    return (
        record.status is FileStatus.FAILED
        and record.error is not None
        and record.error.code in RETRIED_CODES
        and attempts_left(record, max_attempts)
    )


def as_mermaid() -> str:
    """Draw the table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    for status, events in TRANSITIONS.items():
        lines += [f"    {status.value} --> {target.value}: {event.__name__}" for event, target in events.items()]
    return "\n".join(lines)
