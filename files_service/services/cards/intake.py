"""The calls of a card's sender: insertion, begin, entries, progress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

from files_service.core import Core
from files_service.domain import paths
from files_service.domain.cards import (
    ARCHIVED,
    CONTINUED,
    JUDGED,
    SessionState,
    Verify,
    default_folder,
    state_after,
)
from files_service.errors import Conflict, NotFound, WrongStatus, bad_request
from files_service.services.cards.card import find_card, note_sighting, require_card, set_session
from files_service.services.cards.entries import add_entries, is_archived, settled, walk_entries
from files_service.services.cards.known import not_held
from files_service.services.cards.session import (
    Session,
    add_session,
    change_session,
    earlier_session,
    find_session,
    open_session,
    require_session,
    sessions_of,
)
from files_service.services.cards.verification import require_verification
from files_service.services.files import require_acts_for
from files_service.services.folders.folder import is_folder
from files_service.services.uploads.quota import check_room
from storage_adapters import JSON

_MOST_FOLDERS = 1_000
_RACES = 20
# The reader of the card waits for the answer.
_MOST_LOOKED_AT = 50_000
_VERIFIED = (SessionState.SAFE, SessionState.COPIED_NOT_VERIFIED)
_ENDED = (SessionState.VERIFYING, *JUDGED)
# Sessions of the owner among which those of a card are found, beside its last one.
_MOST_ENDED = 100


def inserted(
    core: Core, actor: str | None, owner: str, card: Mapping[str, Any], host: str, listing: str | None
) -> JSON:
    """Note that a card was inserted; another listing, or a file that is gone, makes its verified session stale."""
    require_acts_for(owner, actor)
    before = find_card(core, owner, card["card_id"])
    session = find_session(core, before["session_id"]) if before is not None else None
    if session is not None and listing is not None:
        is_kept = session.state not in _VERIFIED or _is_kept(core, session)
        session = change_session(core, session.session_id, lambda each: _with_listing(each, listing, is_kept=is_kept))
    noted = note_sighting(core, owner, card, host)
    return {"card": noted, "session": session.shown() if session is not None else None}


def begin(core: Core, actor: str | None, owner: str, card_id: str, given: Mapping[str, Any]) -> JSON:
    """Begin a session, or go on with the one of the card that is not verified. Raises Forbidden, NotFound.

    Earlier sessions of the card become stale.
    """
    require_acts_for(owner, actor)
    card = require_card(core, owner, card_id)
    for attempt in range(_RACES):
        session = _repeated(core, owner, card_id, given)
        if session is None:
            earlier = open_session(core, owner, card_id)
            session = _new_session(core, owner, card, given) if earlier is None else _continued(core, earlier, given)
        if session is not None:
            if session.state in CONTINUED:
                _end_earlier(core, session, card)
            set_session(core, owner, card_id, session.session_id, is_open=partial(_is_open, core, session))
            return session.shown()
        core.back_off(attempt)
    raise Conflict("too many concurrent sessions of the card", {"card_id": card_id})


def _is_open(core: Core, session: Session) -> bool:
    found = open_session(core, session.owner, session.card_id)
    return found is not None and found.session_id == session.session_id


def _end_earlier(core: Core, session: Session, card: JSON) -> None:
    """Let what earlier sessions of a card were found to be hold no more: a card has one verdict at most."""
    newest, _ = sessions_of(core, session.owner, limit=_MOST_ENDED, after=None)
    earlier = {each.session_id for each in newest if each.card_id == session.card_id and each.state in _ENDED}
    for each in (earlier | {card["session_id"] or session.session_id}) - {session.session_id}:
        with suppress(NotFound):
            change_session(
                core,
                each,
                lambda before: replace(before, state=SessionState.STALE) if before.state in _ENDED else before,
            )


def add(core: Core, actor: str | None, session_id: str, files: Sequence[Mapping[str, Any]]) -> JSON:
    """Keep what came of files of the card. Raises BadRequest, NotFound, WrongStatus, TooLarge."""
    session = require_session(core, session_id, actor)
    for index, each in enumerate(files):
        if each["status"] in ARCHIVED and each["file_id"] is None:
            raise bad_request(f"files.{index}.file_id", "Name the file in the archive.")
    entries = [{**each, "status": each["status"].value} for each in files]
    return add_entries(core, session, entries).shown()


def verify(core: Core, actor: str | None, session_id: str) -> JSON:
    """Begin the verification of a session; one that runs goes on. Raises NotFound, WrongStatus."""
    session = settled(core, require_session(core, session_id, actor))
    _require_uploaded(session)
    require_verification(core, session)

    def decide(before: Session) -> Session:
        if before.state is SessionState.VERIFYING:
            return before
        _require_uploaded(before)
        return replace(before, state=SessionState.VERIFYING, verdict=None)

    return change_session(core, session.session_id, decide).shown()


def _require_uploaded(session: Session) -> None:
    if session.state not in (SessionState.UPLOADED, SessionState.VERIFYING, *JUDGED):
        raise WrongStatus("only a session whose files are uploaded is verified", {"state": session.state.value})


def progress(core: Core, actor: str | None, session_id: str, given: Mapping[str, Any]) -> JSON:
    """Keep what the sender tells of a session; what comes late or again changes nothing.

    Raises NotFound, and InsufficientStorage when the new bytes exceed a quota or the free space.
    """
    session = require_session(core, session_id, actor)
    if given.get("new_bytes"):
        check_room(core, session.owner, given["new_bytes"])
    told, listing, second = given.get("state"), given.get("listing_sha256"), given.get("second_read")

    def decide(before: Session) -> Session:
        if before.state is SessionState.STALE and told is SessionState.COPYING:
            raise WrongStatus("the card has changed since: begin another session", {"state": before.state.value})
        after = replace(
            before,
            state=state_after(before.state, told),
            bytes_done=max(before.bytes_done, given.get("bytes_done") or 0),
            second_read=second if second is not None else before.second_read,
            relisting_sha256=listing or before.relisting_sha256,
        )
        is_news = (after.second_read, after.relisting_sha256) != (before.second_read, before.relisting_sha256)
        return replace(after, state=SessionState.UPLOADED, verdict=None) if is_news and after.state in JUDGED else after

    return settled(core, change_session(core, session.session_id, decide)).shown()


def _repeated(core: Core, owner: str, card_id: str, given: Mapping[str, Any]) -> Session | None:
    """Return the session that an earlier call with this id of the request began; an interrupted one goes on."""
    session = earlier_session(core, owner, given["request_id"])
    if session is None:
        return None
    if session.card_id != card_id:
        raise Conflict("the request_id belongs to a session of another card", {"session_id": session.session_id})
    return _continued(core, session, given) if session.state is SessionState.INTERRUPTED else session


def _new_session(core: Core, owner: str, card: JSON, given: Mapping[str, Any]) -> Session | None:
    now = core.clock()
    session = Session(
        session_id=core.new_id(),
        owner=owner,
        card_id=card["card_id"],
        label=card["label"],
        camera=card["camera"],
        folder=_folder(core, owner, card, given.get("folder")),
        verify=Verify(given["verify"]),
        clock_offset_ms=given["clock_offset_ms"],
        host=given["host"],
        files=given["files"],
        bytes=given["bytes"],
        listing_sha256=given["listing_sha256"],
        request_id=given["request_id"],
        started_at=now,
        updated_at=now,
    )
    return add_session(core, session)


def _continued(core: Core, session: Session, given: Mapping[str, Any]) -> Session | None:
    """Return the session as it goes on, None when it ended meanwhile."""

    def decide(before: Session) -> Session:
        if before.state not in CONTINUED:
            return before
        plain = {name: given[name] for name in ("files", "bytes", "listing_sha256", "host", "clock_offset_ms")}
        verify = Verify(given["verify"])
        anew: dict[str, Any] = {"state": SessionState.COPYING, "second_read": None, "relisting_sha256": None}
        return replace(before, verify=verify, **anew, **plain)

    after = change_session(core, session.session_id, decide)
    return settled(core, after) if after.state in CONTINUED else None


def _is_kept(core: Core, session: Session) -> bool:
    """Return True when the archive still has the files of a session, by their records."""
    archived = islice(filter(is_archived, walk_entries(core, session.session_id)), _MOST_LOOKED_AT)
    return not any(True for _ in not_held(core, session.owner, archived))


def _with_listing(session: Session, listing: str, *, is_kept: bool) -> Session:
    """Return the session of a card that came back with a listing."""
    is_same = (session.relisting_sha256 or session.listing_sha256) == listing
    if session.state in _VERIFIED and not (is_same and is_kept):
        return replace(session, state=SessionState.STALE)
    if is_same:
        return session
    # A verdict to come compares the newest listing with the entries. The first one after the copying is the sender's.
    is_newer = session.state in (SessionState.UPLOADED, SessionState.VERIFYING) and session.relisting_sha256
    return replace(session, relisting_sha256=listing) if is_newer else session


def _folder(core: Core, owner: str, card: JSON, given: str | None) -> str:
    """Return the folder of a new session: the given one, or one that is free."""
    if given is not None:
        try:
            folder = paths.new_folder(given)
        except paths.BadPath as error:
            raise bad_request("folder", str(error)) from None
        if not folder:
            raise bad_request("folder", "Must name a folder.")
        return folder
    folder = default_folder(card["label"] or card["camera"], card["card_id"], core.clock())
    tried = (paths.numbered(folder, number, is_folder=True) for number in range(1, _MOST_FOLDERS))
    return next((each for each in tried if not is_folder(core, owner, each)), folder)
