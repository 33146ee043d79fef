"""The session document: its form, its keys, and changes of it.

``open_adds`` are calls that write entries now: only when such a call has counted what it wrote, it is taken out. One
that stays there died on the way, and the entries are counted anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.cards import (
    ARCHIVED,
    CONTINUED,
    FAILED,
    Counts,
    EntryStatus,
    SessionState,
    Tally,
    Verify,
    summed,
)
from files_service.domain.uploads import owner_segment
from files_service.domain.verdict import voided
from files_service.errors import NotFound, WrongStatus
from files_service.services.accounts import documents
from storage_adapters import JSON, Document, DocumentQuery, NameTaken

SESSIONS = "card_sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The copying of one card. ``files`` and ``bytes`` are announced by the sender, ``counts`` are of its entries.

    ``listing_sha256`` is that of the listing with which the copying began, ``relisting_sha256`` that of the newest one
    after it; ``edition`` grows with each change of the entries.
    """

    session_id: str
    owner: str
    card_id: str
    started_at: int
    updated_at: int
    folder: str
    label: str = ""
    camera: str = ""
    host: str = ""
    verify: Verify = Verify.CARD
    clock_offset_ms: int = 0
    state: SessionState = SessionState.COPYING
    files: int = 0
    bytes: int = 0
    listing_sha256: str | None = None
    relisting_sha256: str | None = None
    bytes_done: int = 0
    second_read: JSON | None = None
    verdict: JSON | None = None
    edition: int = 0
    counts: Counts = field(default_factory=dict)
    open_adds: Mapping[str, int] = field(default_factory=dict)
    must_recount: bool = False
    request_id: str = ""
    document: Document | None = field(default=None, repr=False, compare=False)

    @property
    def archived(self) -> Tally:
        """The entries whose file is in the archive."""
        return summed(self.counts, ARCHIVED)

    @property
    def current_verdict(self) -> JSON | None:
        """The verdict as it holds now: a good one does not hold for a card that has changed, or was taken again."""
        is_void = self.state is SessionState.STALE and self.verdict and self.verdict["state"] != SessionState.NOT_SAFE
        return voided(self.verdict) if self.verdict and is_void else self.verdict

    def shown(self) -> JSON:
        """Return what the owner sees."""
        archived = self.archived
        return {
            **{name: getattr(self, name) for name in _PLAIN if name != "edition"},
            "verdict": self.current_verdict,
            "session_id": self.session_id,
            "state": self.state.value,
            "verify": self.verify.value,
            "files_done": archived.files,
            "bytes_done": max(self.bytes_done, archived.bytes),
            "known": self.counts.get(EntryStatus.KNOWN, Tally()).files,
            "failed": summed(self.counts, FAILED).files,
            "verification": None,
            "counts": {name: {"files": each.files, "bytes": each.bytes} for name, each in self.counts.items()},
        }


_PLAIN = (
    "owner",
    "card_id",
    "label",
    "camera",
    "host",
    "folder",
    "clock_offset_ms",
    "files",
    "bytes",
    "listing_sha256",
    "relisting_sha256",
    "bytes_done",
    "second_read",
    "verdict",
    "edition",
    "started_at",
    "updated_at",
)
_HIDDEN = ("must_recount", "request_id")


def session_of(document: Document) -> Session:
    """Read a stored session."""
    body: Mapping[str, Any] = document.body
    return Session(
        session_id=document.document_id,
        state=SessionState(body["state"]),
        verify=Verify(body["verify"]),
        counts={name: Tally(*each) for name, each in body["counts"].items()},
        open_adds=body["open_adds"],
        document=document,
        **{name: body[name] for name in (*_PLAIN, *_HIDDEN)},
    )


def find_session(core: Core, session_id: str | None) -> Session | None:
    """Return a session by its id, None when there is none."""
    document = documents.find(core, SESSIONS, session_id) if session_id is not None else None
    return session_of(document) if document is not None else None


def require_session(core: Core, session_id: str, actor: str | None) -> Session:
    """Return a session. Raises NotFound, also for one of an owner for whom the actor may not act."""
    session = find_session(core, session_id)
    if session is None or not may_act_for(session.owner, actor):
        raise no_such_session(session_id)
    return session


def earlier_session(core: Core, owner: str, request_id: str) -> Session | None:
    """Return the session of a call that is repeated."""
    document = documents.find_by_name(core, SESSIONS, _request_name(owner, request_id))
    return session_of(document) if document is not None else None


def open_session(core: Core, owner: str, card_id: str) -> Session | None:
    """Return the session of a card that goes on when the card comes back, None without one."""
    document = documents.find_by_name(core, SESSIONS, _open_name(owner, card_id))
    return session_of(document) if document is not None else None


def add_session(core: Core, session: Session) -> Session | None:
    """Store a new session. Returns None when a concurrent call was faster."""
    try:
        return session_of(documents.put(core, _document_of(session)))
    except NameTaken:
        return None


def change_session(core: Core, session_id: str, decide: Callable[[Session], Session]) -> Session:
    """Load, decide, save. Raises NotFound, Conflict, and the errors of ``decide``.

    Raises WrongStatus for a session that would go on beside a newer one of the card.
    """

    def on_document(before: Document | None) -> Document:
        if before is None:
            raise no_such_session(session_id)
        session = session_of(before)
        after = decide(session)
        return before if after == session else _document_of(replace(after, updated_at=core.clock()))

    try:
        stored = documents.change(core, SESSIONS, session_id, on_document)
    except NameTaken:
        raise WrongStatus("the card has a newer session", {"session_id": session_id[:64]}) from None
    assert stored is not None
    return session_of(stored)


def put_session(core: Core, session: Session) -> Session:
    """Store a session over the revision that it was loaded with. Raises RevisionConflict."""
    return session_of(documents.put(core, _document_of(session)))


def sessions_of(core: Core, owner: str, *, limit: int, after: str | None) -> tuple[list[Session], str | None]:
    """Return a page of an owner's sessions, the newest first, and the id behind which the next one begins."""
    query = DocumentQuery(
        collection=SESSIONS,
        prefix=f"{owner_segment(owner)}/",
        end=f"{owner_segment(owner)}/{after}" if after is not None else None,
        descending=True,
        limit=limit,
    )
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    following = page.next_position.document_id if page.next_position is not None else None
    return [session_of(each) for each in page.documents], following


def no_such_session(session_id: str) -> NotFound:
    """Make the error for a session that is not there, or of another owner."""
    return NotFound("there is no such session", {"session_id": session_id[:64]})


def _document_of(session: Session) -> Document:
    body: JSON = {name: getattr(session, name) for name in (*_PLAIN, *_HIDDEN)}
    body |= {
        "state": session.state.value,
        "verify": session.verify.value,
        "counts": {name: list(each) for name, each in session.counts.items()},
        "open_adds": dict(session.open_adds),
    }
    if session.document is not None:
        return replace(session.document, body={**session.document.body, **body}, names=_names(session))
    order = f"{owner_segment(session.owner)}/{session.session_id}"
    return documents.new_document(SESSIONS, session.session_id, body, order=order, names=_names(session))


def _names(session: Session) -> tuple[str, ...]:
    """Return the unique names: a card has one session that goes on."""
    names = (_request_name(session.owner, session.request_id),)
    return (*names, _open_name(session.owner, session.card_id)) if session.state in CONTINUED else names


def _open_name(owner: str, card_id: str) -> str:
    return f"open:{owner_segment(owner)}/{card_id}"


def _request_name(owner: str, request_id: str) -> str:
    return f"request:{owner_segment(owner)}/{request_id}"
