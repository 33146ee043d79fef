"""Failed sign-ins, counted by account and by address. There is no hard lock, and a success costs nothing."""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.throttle import MEMORY_MS, pause_after
from files_service.errors import TooManyRequests
from files_service.services.accounts import documents
from files_service.services.accounts.documents import FAILURES, hash_of
from storage_adapters import Document


def subjects_of(owner: str, address: str | None) -> tuple[str, ...]:
    """Return what a failed sign-in counts against; ``owner`` need not exist."""
    return tuple(f"{kind} {name}" for kind, name in (("account", owner), ("address", address)) if name)


def require_pause(core: Core, subjects: tuple[str, ...]) -> None:
    """Raise TooManyRequests while the pause after the last failure lasts."""
    left = max((_left(core, subject) for subject in subjects), default=0)
    if left > 0:
        seconds = -(-left // 1000)
        raise TooManyRequests(
            f"too many failed attempts; wait {seconds} s", {"retry_after_seconds": seconds, "field": "password"}
        )


def count_failure(core: Core, subjects: tuple[str, ...]) -> None:
    """Count a failure against each subject."""
    for subject in subjects:
        _count_one(core, hash_of(subject))


def _count_one(core: Core, document_id: str) -> None:
    now = core.clock()

    def decide(before: Document | None) -> Document:
        document = before or documents.new_document(FAILURES, document_id, {"failures": 0})
        body = {**document.body, "failures": document.body["failures"] + 1, "last_at": now}
        return replace(document, body=body, expires_at=now + MEMORY_MS)

    documents.change(core, FAILURES, document_id, decide)


def forget_failures(core: Core, subject: str) -> None:
    """Forget the failures of one subject, after a success."""
    document = documents.find(core, FAILURES, hash_of(subject))
    if document is not None:
        documents.delete(core, document)


def _left(core: Core, subject: str) -> int:
    """Return the milliseconds that are left of a subject's pause."""
    document = documents.find(core, FAILURES, hash_of(subject))
    if document is None:
        return 0
    pause, since = pause_after(document.body["failures"]), core.clock() - int(document.body["last_at"])
    # A clock that was set back must not make the pause longer, nor one that was ahead for long make it begin anew.
    return min(pause, pause - since) if since > -MEMORY_MS else 0
