"""The life cycle of a file: all rules that affect its status.

1. ``TRANSITIONS`` is the specification; the diagram in the documents is drawn from it.
2. Every pair of status and event is in the table, or raises ``IllegalTransition`` and changes nothing.
3. Only ``advance`` writes the status.
4. A worker that dies cannot leave a file stuck: its lease expires, and ``ProcessingExpired`` returns the file.
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
    """A worker has started on the file and holds a lease."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class ProcessingSucceeded:
    """The bytes match the declaration and every hook accepted them."""


@dataclass(frozen=True, slots=True)
class ProcessingFailed:
    """The bytes do not match, or a hook rejected them."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ProcessingExpired:
    """The worker's lease expired."""


@dataclass(frozen=True, slots=True)
class ProcessingReleased:
    """The worker returned the file: it is stopping, or the blob store is unavailable. Not counted as an attempt."""


@dataclass(frozen=True, slots=True)
class ProcessingSkipped:
    """The trusted system vouches for the bytes: no verification."""


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

# Events announced on entering a status; the start of processing is not announced.
ANNOUNCED: dict[FileStatus, str | None] = {
    FileStatus.PENDING: "created",
    FileStatus.UPLOADED: "uploaded",
    FileStatus.PROCESSING: None,
    FileStatus.PROCESSED: "processed",
    FileStatus.FAILED: "failed",
}

# Failures that may not repeat; every other failure is about the bytes and would repeat.
RETRIED_CODES = frozenset({"hook_failed", "internal_error"})


class IllegalTransition(Exception):
    """The event is not allowed in this status."""

    def __init__(self, status: FileStatus, event: type[Event]) -> None:
        super().__init__(f"{event.__name__} is not allowed for a file that is {status.value}")
        self.status = status


def next_status(status: FileStatus, event: type[Event]) -> FileStatus:
    """Look up the transition. Raises IllegalTransition."""
    try:
        return TRANSITIONS[status][event]
    except KeyError:
        raise IllegalTransition(status, event) from None


def advance(record: FileRecord, event: Event, *, now: int) -> FileRecord:
    """Apply an event: set the new status and the fields that go with it. Raises IllegalTransition."""
    status = next_status(record.status, type(event))
    changes: dict[str, Any] = {"status": status, "lease": None}
    match event:
        case AllPartsReceived():
            # Keep upload_expires_at: until then an upload URL can bring bytes after the file is deleted.
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
            changes["error"] = Failure(code="lease_expired", message="the worker died", attempts=attempts)
    return replace(record, **changes)


def announcement(before: FileRecord, after: FileRecord, otherwise: str | None) -> str | None:
    """Return the event of a change: the new status if it changed, else the action's event.

    A file that a worker returned is not announced as uploaded again; one that is processed again is announced again.
    """
    if before.status is after.status:
        return otherwise
    if before.status is FileStatus.PROCESSING and after.status is FileStatus.UPLOADED:
        return None
    return ANNOUNCED[after.status]


def attempts_left(record: FileRecord, max_attempts: int) -> bool:
    """Return True when processing may be retried without force."""
    return record.error is None or record.error.attempts < max_attempts


def is_lapsed(record: FileRecord, *, now: int) -> bool:
    """Return True when the lease of the file's worker has expired."""
    return record.status is FileStatus.PROCESSING and (record.lease is None or record.lease.until <= now)


def reclaim(record: FileRecord, max_attempts: int, *, now: int) -> FileRecord:
    """Take a file from a worker whose lease expired: uploaded again, or failed after the last attempt."""
    reclaimed = advance(record, ProcessingExpired(), now=now)
    if attempts_left(reclaimed, max_attempts):
        return reclaimed
    return advance(record, ProcessingFailed("too_many_attempts", "several workers died"), now=now)


def is_retried(record: FileRecord, max_attempts: int) -> bool:
    """Return True when a failed file is retried automatically, because the failure may not repeat."""
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
