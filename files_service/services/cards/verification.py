"""The verification of a session: its document, the reading of all copies from where it stopped, and the verdict.

The document is stored before the session is ``verifying``, and deleted after the verdict: a process that dies in
between leaves work that the next one finds. It is for one edition of the session's entries; when these change, the
session is ``uploaded`` again, and the work is void.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Any

from files_service.core import Core
from files_service.domain.cards import Counts, Listing, SessionState, Tally, is_listed, recounted
from files_service.domain.verdict import (
    MAX_REASONS,
    Code,
    Facts,
    Reason,
    SecondRead,
    judge,
    reason_of_entry,
)
from files_service.services.accounts import documents
from files_service.services.cards.copies import FilePosition, Proof, file_gone, note_lost, prove
from files_service.services.cards.entries import is_archived, settled, walk_entries
from files_service.services.cards.known import find_record, is_being_processed, not_held
from files_service.services.cards.session import Session, change_session, find_session, require_session
from storage_adapters import JSON, Document

VERIFICATIONS = "card_verifications"
# Opening and describing a file costs as much as reading this many bytes.
FILE_COST = 64 * 1024
# Cost of a wait for the processing of a file: a turn of the session ends, and about a second passes.
WAIT_COST = 256 * 1024 * 1024
# A call that begins a verification takes less time between its two writes.
BEGIN_MS = 60_000
DAMAGE = (Code.COPY_DAMAGED, Code.HASH_DIFFERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Work in progress: all entries up to the path ``after`` are done, and the next one is read up to ``place``."""

    session_id: str
    owner: str
    edition: int
    began_at: int
    after: str | None = None
    reread: Tally = field(default_factory=Tally)
    copies: int | None = None
    faults: tuple[Reason, ...] = ()
    more: int = 0
    place: FilePosition | None = None
    document: Document | None = field(default=None, repr=False, compare=False)

    def with_proof(self, entry: JSON, proof: Proof) -> Verification:
        """Return the work with one file more."""
        self = replace(self, after=entry["path"], place=None)
        if proof.faults:
            room = MAX_REASONS - len(self.faults)
            kept, more = proof.faults[:room], len(proof.faults[room:])
            return replace(self, faults=(*self.faults, *kept), more=self.more + more)
        count = len(proof.domains)
        return replace(
            self,
            reread=self.reread.plus(Tally(1, entry["size"])),
            copies=count if self.copies is None else min(self.copies, count),
        )

    def shown(self) -> JSON:
        """Return the progress as the owner sees it."""
        faults = len(self.faults) + self.more
        return {"files_done": self.reread.files, "bytes_done": self.reread.bytes, "faults": faults}


def require_verification(core: Core, session: Session) -> None:
    """Store the work for a session that is to be verified; that of a session under verification stays."""
    is_running = session.state is SessionState.VERIFYING

    def decide(before: Document | None) -> Document:
        if before is not None and is_running and verification_of(before).edition == session.edition:
            return before
        fresh = Verification(
            session_id=session.session_id, owner=session.owner, edition=session.edition, began_at=core.clock()
        )
        return _document_of(replace(fresh, document=before))

    documents.change(core, VERIFICATIONS, session.session_id, decide)


def find_verification(core: Core, session_id: str) -> Verification | None:
    """Return the work for a session, None when it is done or was never begun."""
    document = documents.find(core, VERIFICATIONS, session_id)
    return verification_of(document) if document is not None else None


def due_verifications(
    core: Core,
    limit: int,
    *,
    is_due: Callable[[str], bool] = lambda session_id: True,
    on_unreadable: Callable[[str, Exception], None] = lambda session_id, error: None,
) -> list[Verification]:
    """Return work to be done, the oldest first, of the sessions that are due."""
    found = (each for each in documents.walk(core, VERIFICATIONS, "") if is_due(each.document_id))
    return list(islice(documents.readable(found, verification_of, on_unreadable), limit))


class Rereading:
    """The reading of the copies of one session, in small steps; ``done`` when it is at its end."""

    def __init__(self, core: Core, work: Verification) -> None:
        self.work, self.done = work, False
        self._core = core

    def steps(self) -> Iterator[int]:
        """Read on; yield the cost of each step in bytes. Raises StorageUnavailable."""
        for entry in walk_entries(self._core, self.work.session_id, after=self.work.after):
            yield FILE_COST
            if is_archived(entry):
                while is_being_processed(find_record(self._core, entry["file_id"] or "")):
                    yield WAIT_COST
                proof = yield from prove(self._core, self.work.owner, entry, self.work.place, self._note)
                if any(each.code in DAMAGE for each in proof.faults):
                    yield from note_lost(self._core, entry)
                self.work = self.work.with_proof(entry, proof)
            else:
                self.work = replace(self.work, after=entry["path"])
        self.done = True

    def _note(self, place: FilePosition) -> None:
        self.work = replace(self.work, place=place)


def save_work(core: Core, work: Verification) -> Verification:
    """Store the place that was reached. Raises RevisionConflict when another process did, or it was begun anew."""
    return verification_of(documents.put(core, _document_of(work)))


def is_void(core: Core, work: Verification) -> bool:
    """Return True for work whose session is not under verification any more; it is deleted."""
    session = find_session(core, work.session_id)
    if session is not None and session.state is SessionState.VERIFYING and session.edition == work.edition:
        return False
    if session is not None and core.clock() - work.began_at < BEGIN_MS and session.state is not SessionState.STALE:
        # The call that begins it may not have come to the session yet.
        return True
    drop_work(core, work)
    return True


def drop_work(core: Core, work: Verification) -> None:
    """Delete work that is done or void; work that was begun anew meanwhile stays."""
    if work.document is not None:
        documents.delete(core, work.document)


def give_verdict(core: Core, work: Verification) -> Session | None:
    """Judge a session whose copies were read, unless its entries have changed since; delete the work.

    Returns None, and leaves the work, while a call writes entries.
    """
    session = settled(core, require_session(core, work.session_id, None))
    if session.open_adds:
        return None
    found = _survey(core, session)
    if not work.faults:
        # Days may have passed since the first file was read.
        work = _without_gone(core, work)

    def decide(before: Session) -> Session:
        if before.state is not SessionState.VERIFYING or before.edition != work.edition:
            return before
        verdict = judge(_facts(core, before, work, found))
        return replace(before, state=verdict.state, verdict=verdict.shown(), counts=found.counts)

    given = change_session(core, work.session_id, decide)
    drop_work(core, work)
    return given


def _without_gone(core: Core, work: Verification) -> Verification:
    """Return the work with a fault for each file that went, or was replaced, after it was read."""
    archived = filter(is_archived, walk_entries(core, work.session_id))
    for entry in not_held(core, work.owner, archived):
        work = work.with_proof(entry, Proof(faults=(file_gone(entry["path"]),)))
    return work


@dataclass(slots=True)
class _Survey:
    """All entries of a session, counted anew, with the digest of their listing."""

    counts: Counts
    listing: str
    failed: tuple[Reason, ...]
    more: int


def _survey(core: Core, session: Session) -> _Survey:
    counts: Counts = {}
    listing, more = Listing(), 0
    failed: list[Reason] = []
    for entry in walk_entries(core, session.session_id):
        counts = recounted(counts, None, entry)
        if is_listed(entry):
            listing.add(entry["path"], entry["size"], entry["mtime_at"])
        reason = reason_of_entry(entry)
        if reason is not None and len(failed) < MAX_REASONS:
            failed.append(reason)
        elif reason is not None:
            more += 1
    return _Survey(counts, listing.sha256, tuple(failed), more)


def _facts(core: Core, session: Session, work: Verification, found: _Survey) -> Facts:
    second = session.second_read
    return Facts(
        announced=session.files,
        counts=found.counts,
        listing_of_entries=found.listing,
        listing=session.relisting_sha256,
        verify=session.verify,
        second_read=_second_read(second) if second is not None else None,
        reread=work.reread,
        copies=work.copies or 0,
        reread_at=core.clock(),
        failed=found.failed,
        faults=work.faults,
        more=work.more + found.more,
    )


def _second_read(told: Mapping[str, Any]) -> SecondRead:
    return SecondRead(files=told["files"], bytes=told["bytes"], differing=tuple(told["differing"]))


def verification_of(document: Document) -> Verification:
    """Read stored work."""
    body: Mapping[str, Any] = document.body
    return Verification(
        session_id=document.document_id,
        owner=body["owner"],
        edition=body["edition"],
        began_at=body["began_at"],
        after=body["after"],
        reread=Tally(*body["reread"]),
        copies=body["copies"],
        faults=_reasons(body["faults"]),
        more=body["more"],
        place=_position_of(body.get("place")),
        document=document,
    )


def _reasons(stored: list[Mapping[str, str]]) -> tuple[Reason, ...]:
    return tuple(Reason(code=Code(each["code"]), detail=each["detail"], path=each.get("path")) for each in stored)


def _position_of(stored: Mapping[str, Any] | None) -> FilePosition | None:
    if stored is None:
        return None
    return FilePosition(**{**stored, "domains": tuple(stored["domains"]), "faults": _reasons(stored["faults"])})


def _stored_position(place: FilePosition) -> JSON:
    return {**asdict(place), "domains": list(place.domains), "faults": [each.shown() for each in place.faults]}


def _document_of(work: Verification) -> Document:
    body = {
        "owner": work.owner,
        "edition": work.edition,
        "began_at": work.began_at,
        "after": work.after,
        "reread": list(work.reread),
        "copies": work.copies,
        "faults": [each.shown() for each in work.faults],
        "more": work.more,
        "place": _stored_position(work.place) if work.place is not None else None,
    }
    order = f"{work.began_at:015d}"
    if work.document is not None:
        return replace(work.document, body=body, order=order)
    return documents.new_document(VERIFICATIONS, work.session_id, body, order=order)
