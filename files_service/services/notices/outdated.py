"""Notices that are not true any more when they are to be sent."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.cards import CardState, SessionState
from files_service.domain.notices import Kind, Notice
from files_service.services.cards.card import find_card
from files_service.services.cards.session import find_session

# A card may be formatted by them, hours later where a channel has quiet hours or was away.
_GOOD = {Kind.SAFE: SessionState.SAFE, Kind.COPIED_NOT_VERIFIED: SessionState.COPIED_NOT_VERIFIED}


def is_outdated(core: Core, notice: Notice) -> bool:
    """Return True for an unknown card that its owner takes or ignores by now, and a good verdict that has fallen."""
    if notice.kind in _GOOD:
        judged = find_session(core, notice.facts["session_id"])
        return judged is None or judged.state is not _GOOD[notice.kind]
    if notice.kind is not Kind.CARD_UNKNOWN:
        return False
    card = find_card(core, notice.owner, notice.facts["card_id"])
    if card is None or card["state"] != CardState.UNKNOWN:
        return True
    session = find_session(core, card["session_id"])
    return session is not None and session.started_at >= notice.facts["seen_at"]
