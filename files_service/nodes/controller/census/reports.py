"""Reports of censuses as documents, and the confirmation of an operator."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from files_service.core import Core
from files_service.services.accounts import documents
from storage_adapters import JSON, Document
from storage_adapters.blobs.nodes.protocol.census import Report

COLLECTION = "node_census"
_LAST, _CONFIRMED, _ASKED = "report", "confirmed", "asked"
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of the last census, as all processes see it.

    ``complete_at`` is the time of the last complete one; ``lost`` are names of chunks, the first of them. ``cause`` is
    the state for which it ran, in a form that other processes compare with theirs.
    """

    epoch: int = 0
    ended_at: int = 0
    complete: bool = False
    complete_at: int = 0
    wanted: int = 0
    repairs: int = 0
    failed_repairs: int = 0
    under_replicated: int = 0
    lost: tuple[str, ...] = ()
    lost_chunks: int = 0
    unavailable_chunks: int = 0
    candidates: int = 0
    trimmed: int = 0
    trashed: int = 0
    held_back: dict[str, int] = field(default_factory=dict)
    error: str = ""
    cause: str = ""


def load_outcome(core: Core) -> Outcome | None:
    """Return the outcome of the last census, None before the first."""
    found = documents.find(core, COLLECTION, _LAST)
    if found is None:
        return None
    known: dict[str, Any] = {each.name: found.body[each.name] for each in fields(Outcome) if each.name in found.body}
    return Outcome(**{**known, "lost": tuple(known.get("lost", ()))})


def save_outcome(core: Core, report: Report, cause: str = "") -> Outcome:
    """Store the outcome of a census, unless that of a later one is there; return it."""
    earlier = load_outcome(core)
    now = core.clock()
    is_complete = report.complete and report.error is None
    outcome = Outcome(
        epoch=report.epoch,
        ended_at=now,
        complete=is_complete,
        complete_at=now if is_complete else (earlier.complete_at if earlier is not None else 0),
        wanted=report.wanted,
        repairs=report.repairs,
        failed_repairs=report.failed_repairs,
        under_replicated=report.under_replicated,
        lost=tuple(each.chunk_id for each in report.lost[:_SHOWN]),
        lost_chunks=len(report.lost),
        unavailable_chunks=len(report.unavailable),
        candidates=report.candidates,
        trimmed=report.trimmed,
        trashed=report.trashed,
        held_back=dict(report.held_back),
        error=str(report.error) if report.error is not None else "",
        cause=cause,
    )
    body: JSON = {each.name: getattr(outcome, each.name) for each in fields(Outcome)}

    def decide(found: Document | None) -> Document | None:
        if found is not None and found.body["epoch"] > outcome.epoch:
            return None
        return _with_body(found, _LAST, body | {"lost": list(outcome.lost)})

    documents.change(core, COLLECTION, _LAST, decide)
    return outcome


def confirm(core: Core) -> int:
    """Confirm what the last census held back, for the next one; return the number of copies."""
    outcome = load_outcome(core)
    held_back = sum(outcome.held_back.values()) if outcome is not None else 0
    if outcome is not None and held_back:
        documents.change(
            core, COLLECTION, _CONFIRMED, lambda found: _with_body(found, _CONFIRMED, {"epoch": outcome.epoch})
        )
        ask(core)
    return held_back


def is_confirmed(core: Core) -> bool:
    """Return True when an operator has confirmed what the last census held back."""
    found, outcome = documents.find(core, COLLECTION, _CONFIRMED), load_outcome(core)
    return found is not None and outcome is not None and found.body["epoch"] == outcome.epoch


def use_confirmation(core: Core, outcome: Outcome) -> None:
    """Forget a confirmation after a complete census: it counts once. Another census could not use it."""

    def decide(found: Document | None) -> Document | None:
        return None if found is None else _with_body(found, _CONFIRMED, {"epoch": outcome.epoch})

    if not outcome.complete:
        documents.change(core, COLLECTION, _CONFIRMED, decide)
    elif (found := documents.find(core, COLLECTION, _CONFIRMED)) is not None:
        documents.delete(core, found)


def ask(core: Core) -> int:
    """Ask for a census soon; return a number that grows with each request."""
    stored = documents.change(
        core, COLLECTION, _ASKED, lambda found: _with_body(found, _ASKED, {"count": _count(found) + 1})
    )
    return _count(stored)


def asked(core: Core) -> int:
    """Return the number of requests for a census so far."""
    return _count(documents.find(core, COLLECTION, _ASKED))


def _count(document: Document | None) -> int:
    return 0 if document is None else int(document.body["count"])


def _with_body(found: Document | None, document_id: str, body: JSON) -> Document:
    return replace(found or documents.new_document(COLLECTION, document_id, {}), body=body)
