"""The entries of a session: one document for each file of the card, in the order of its path.

A call that changes entries first puts itself into the session's ``open_adds``, then writes, then counts what it wrote
and takes itself out. A call that died leaves itself there: when it is repeated, or after ``ADD_MS``, all entries are
counted anew, and the count is stored only over the revision of the session that was there before it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from files_service.core import Core
from files_service.domain.cards import (
    MAX_ENTRIES,
    Counts,
    EntryStatus,
    SessionState,
    Tally,
    recounted,
    state_with_changed_entries,
)
from files_service.errors import TooLarge, WrongStatus
from files_service.services.accounts import documents
from files_service.services.cards.known import remember
from files_service.services.cards.session import Session, change_session, find_session, put_session
from storage_adapters import JSON, Document, DocumentKey, DocumentPosition, DocumentQuery, RevisionConflict

ENTRIES = "card_files"
ADD_MS = 120_000
_PAGE = 500
_RECOUNTS = 5


def add_entries(core: Core, session: Session, given: Sequence[JSON]) -> Session:
    """Store entries over earlier ones of the same paths. Raises WrongStatus, TooLarge, Conflict."""
    if session.state is SessionState.STALE:
        raise WrongStatus("the card has changed since: begin another session", {"state": session.state.value})
    entries = {entry["path"]: entry for entry in given}
    ids = {path: entry_id(session.session_id, path) for path in entries}
    stored = _stored(core, list(ids.values()))
    changed = [entry for path, entry in entries.items() if _differs(stored.get(ids[path]), entry)]
    call_id = hashlib.sha256(orjson.dumps(given, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
    if changed or call_id in session.open_adds:
        _begin(core, session.session_id, call_id, added=sum(ids[each["path"]] not in stored for each in changed))
        written = _Written()
        for entry in changed:
            _write(core, session, entry, stored.get(ids[entry["path"]]), written)
        session = _counted(core, session.session_id, call_id, written)
    remember(core, session, list(entries.values()))
    return settled(core, session)


def settled(core: Core, session: Session) -> Session:
    """Return the session with exact counters: entries are counted anew where a call died that wrote some."""
    for _ in range(_RECOUNTS):
        now = core.clock()
        live = {call: at for call, at in session.open_adds.items() if at + ADD_MS > now}
        if live or (not session.must_recount and not session.open_adds):
            return session
        try:
            return put_session(
                core, replace(session, counts=count_entries(core, session), open_adds={}, must_recount=False)
            )
        except RevisionConflict:
            session = find_session(core, session.session_id) or session
    return session


def count_entries(core: Core, session: Session) -> Counts:
    """Count the entries of a session one by one."""
    counts: Counts = {}
    for entry in walk_entries(core, session.session_id):
        counts = recounted(counts, None, entry)
    return counts


def walk_entries(core: Core, session_id: str, *, after: str | None = None) -> Iterator[JSON]:
    """Yield the entries of a session in the order of their paths, from behind a path on."""
    query = _query(session_id, _PAGE, _position(session_id, after))
    for document in documents.documents_of(core).walk_documents(query, now=core.clock()):
        yield dict(document.body)


def entries_of(core: Core, session_id: str, *, limit: int, after: str | None) -> tuple[list[JSON], str | None]:
    """Return a page of entries in the order of their paths, and the path behind which the next one begins."""
    query = _query(session_id, limit, _position(session_id, after))
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    following = page.next_position.order.partition("/")[2] if page.next_position is not None else None
    return [dict(each.body) for each in page.documents], following


def entry_id(session_id: str, path: str) -> str:
    """Return the id of the document of an entry."""
    return f"{session_id}-{hashlib.sha256(path.encode()).hexdigest()[:32]}"


@dataclass(slots=True)
class _Written:
    """Entries that a call has written: the change of the counters, and their number."""

    counts: Counts
    files: int

    def __init__(self) -> None:
        self.counts, self.files = {}, 0


def _begin(core: Core, session_id: str, call_id: str, *, added: int) -> None:
    def decide(before: Session) -> Session:
        if added and added + sum(each.files for each in before.counts.values()) > MAX_ENTRIES:
            raise TooLarge("the session has too many files", {"limit": MAX_ENTRIES})
        must_recount = before.must_recount or call_id in before.open_adds
        open_adds = {**before.open_adds, call_id: core.clock()}
        return replace(_with_changed_entries(before), open_adds=open_adds, must_recount=must_recount)

    change_session(core, session_id, decide)


def _with_changed_entries(session: Session) -> Session:
    state = state_with_changed_entries(session.state)
    # The card was read a second time before these bytes were told.
    return replace(session, state=state, verdict=None, second_read=None, edition=session.edition + 1)


def _counted(core: Core, session_id: str, call_id: str, written: _Written) -> Session:
    def decide(before: Session) -> Session:
        open_adds = {call: at for call, at in before.open_adds.items() if call != call_id}
        counts = dict(before.counts)
        for name, tally in written.counts.items():
            counts[name] = counts.get(name, Tally()).plus(tally)
        counts = {name: tally for name, tally in counts.items() if tally != Tally()}
        after = replace(before, counts=counts, open_adds=open_adds)
        if call_id not in before.open_adds:
            after = replace(after, must_recount=True)
        # A verification that began meanwhile may have read the former entries.
        return _with_changed_entries(after) if written.files else after

    return change_session(core, session_id, decide)


def _write(core: Core, session: Session, entry: JSON, known: Document | None, written: _Written) -> None:
    """Store an entry over ``known``, the stored one of a moment ago, or over what has taken its place."""
    path = entry["path"]
    earlier: list[Document | None] = []

    def decide(before: Document | None) -> Document:
        earlier[:] = [before]
        if before is not None:
            return replace(before, body=entry)
        order = f"{session.session_id}/{path}"
        return documents.new_document(ENTRIES, entry_id(session.session_id, path), entry, order=order)

    stored: Document | None
    try:
        stored = documents.put(core, decide(known))
    except RevisionConflict:
        stored = documents.change(core, ENTRIES, entry_id(session.session_id, path), decide)
    [before] = earlier
    if before is None or stored is None or before.revision != stored.revision:
        written.counts = recounted(written.counts, before.body if before is not None else None, entry)
        written.files += 1


def _stored(core: Core, ids: Sequence[str]) -> Mapping[str, Document]:
    keys = [DocumentKey(ENTRIES, each) for each in ids]
    now = core.clock()
    found = documents.documents_of(core).stored_documents(keys)
    return {each.document_id: each for each in found if each is not None and each.is_visible(now)}


def _differs(stored: Document | None, entry: JSON) -> bool:
    return stored is None or dict(stored.body) != entry


def _query(session_id: str, limit: int, after: DocumentPosition | None) -> DocumentQuery:
    return DocumentQuery(collection=ENTRIES, prefix=f"{session_id}/", limit=limit, after=after)


def _position(session_id: str, after: str | None) -> DocumentPosition | None:
    return DocumentPosition(f"{session_id}/{after}", entry_id(session_id, after)) if after is not None else None


def is_archived(entry: JSON) -> bool:
    """Return True for an entry whose file is in the archive."""
    return entry["status"] in (EntryStatus.UPLOADED, EntryStatus.KNOWN)
