"""Cards and sessions for their owner: listed, shown, permitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from files_service.core import Core
from files_service.domain.cards import CardState, SessionState
from files_service.errors import bad_request
from files_service.services.cards.card import cards_of, order_of, permit_card
from files_service.services.cards.clips import with_clips
from files_service.services.cards.entries import entries_of
from files_service.services.cards.known import known_files
from files_service.services.cards.session import require_session, sessions_of
from files_service.services.cards.verification import find_verification
from files_service.services.files import require_acts_for
from storage_adapters import JSON, DocumentPosition


def permit(core: Core, actor: str | None, owner: str, card_id: str, state: CardState) -> JSON:
    """Set the permission of a card. Raises Forbidden, NotFound."""
    require_acts_for(owner, actor)
    return permit_card(core, owner, card_id, state)


def list_cards(core: Core, actor: str | None, owner: str, *, limit: int, cursor: str | None) -> JSON:
    """Return a page of an owner's cards, the last inserted first. Raises Forbidden."""
    require_acts_for(owner, actor)
    page = cards_of(core, owner, limit=limit, after=_position(owner, cursor))
    following: DocumentPosition | None = page["next_position"]
    next_cursor = f"{following.order.rpartition('/')[2]}-{following.document_id}" if following is not None else None
    return {"cards": page["cards"], "next_cursor": next_cursor}


def session_info(core: Core, actor: str | None, session_id: str) -> JSON:
    """Return a session, and the progress of its verification. Raises NotFound."""
    session = require_session(core, session_id, actor)
    work = find_verification(core, session_id) if session.state is SessionState.VERIFYING else None
    return {**session.shown(), "verification": work.shown() if work is not None else None}


def list_sessions(core: Core, actor: str | None, owner: str, *, limit: int, after: str | None) -> JSON:
    """Return a page of an owner's sessions, the newest first. Raises Forbidden."""
    require_acts_for(owner, actor)
    sessions, following = sessions_of(core, owner, limit=limit, after=after)
    return {"sessions": [each.shown() for each in sessions], "next_cursor": following}


def list_entries(core: Core, actor: str | None, session_id: str, *, limit: int, after: str | None) -> JSON:
    """Return a page of the files of a session, in the order of their paths. Raises NotFound."""
    session = require_session(core, session_id, actor)
    entries, following = entries_of(core, session.session_id, limit=limit, after=after)
    return {"files": with_clips(core, session.owner, entries), "next_cursor": following}


def known(core: Core, actor: str | None, owner: str, files: Sequence[Mapping[str, Any]]) -> JSON:
    """Return for each file on a card the owner's file that has its bytes, or None. Raises Forbidden."""
    require_acts_for(owner, actor)
    return {"files": known_files(core, owner, files)}


def _position(owner: str, cursor: str | None) -> DocumentPosition | None:
    if cursor is None:
        return None
    at, separator, document_id = cursor.partition("-")
    if not separator or len(at) != 15 or not (at.isascii() and at.isdigit()):
        raise bad_request("cursor", "Not a cursor of this list.")
    return DocumentPosition(order_of(owner, int(at)), document_id)
