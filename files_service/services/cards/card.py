"""The card document: sightings of a card, the owner's permission, and its last session."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.cards import MAX_CARDS, CardState
from files_service.domain.uploads import owner_segment
from files_service.errors import NotFound, TooLarge
from files_service.services.accounts import documents
from storage_adapters import JSON, Document, DocumentPosition, DocumentQuery

CARDS = "cards"
DESCRIBED = ("fs_uuid", "fs_type", "size_bytes", "label", "camera", "serial", "layout")
_SHOWN = ("card_id", "owner", "state", *DESCRIBED, "host", "first_seen_at", "seen_at", "session_id")


def find_card(core: Core, owner: str, card_id: str) -> JSON | None:
    """Return a card of an owner, None when it was never seen."""
    document = documents.find(core, CARDS, id_of(owner, card_id))
    return shown(document) if document is not None else None


def require_card(core: Core, owner: str, card_id: str) -> JSON:
    """Return a card of an owner. Raises NotFound."""
    card = find_card(core, owner, card_id)
    if card is None:
        raise no_such_card(card_id)
    return card


def note_sighting(core: Core, owner: str, given: Mapping[str, Any], host: str) -> JSON:
    """Keep that a card was inserted; its change in the feed tells of it. Raises TooLarge beyond ``MAX_CARDS``."""
    now, card_id = core.clock(), given["card_id"]
    described = {name: given[name] for name in DESCRIBED}

    def decide(before: Document | None) -> Document:
        seen = {**described, "host": host, "seen_at": now}
        if before is not None:
            event = "card_unknown" if before.body["state"] == CardState.UNKNOWN else "card_found"
            # Earlier than what is stored: another sighting was faster.
            seen["seen_at"] = max(now, before.body["seen_at"])
            return _ordered(before, {**before.body, **seen, "event": event})
        _require_place(core, owner)
        fixed = {"owner": owner, "card_id": card_id, "state": CardState.UNKNOWN.value, "first_seen_at": now}
        body = {**fixed, "session_id": None, **seen, "event": "card_unknown"}
        return _ordered(documents.new_document(CARDS, id_of(owner, card_id), {}), body)

    stored = documents.change(core, CARDS, id_of(owner, card_id), decide)
    assert stored is not None
    return shown(stored)


def permit_card(core: Core, owner: str, card_id: str, state: CardState) -> JSON:
    """Set the permission of a card. Raises NotFound."""
    return _changed(core, owner, card_id, lambda body: {**body, "state": state.value, "event": None})


def set_session(core: Core, owner: str, card_id: str, session_id: str, *, is_open: Callable[[], bool]) -> JSON:
    """Keep the last session of a card; an older one does not take the place of a newer one. Raises NotFound.

    The one that is open is the last one: ids are older than they should be where a clock was set back.
    """

    def decide(body: JSON) -> JSON:
        is_newer = body["session_id"] is None or session_id > body["session_id"] or is_open()
        return {**body, "session_id": session_id, "event": None} if is_newer else body

    return _changed(core, owner, card_id, decide)


def cards_of(core: Core, owner: str, *, limit: int, after: DocumentPosition | None) -> JSON:
    """Return a page of an owner's cards, the last seen first, and the position of the next one."""
    query = DocumentQuery(
        collection=CARDS, prefix=f"{owner_segment(owner)}/", descending=True, limit=limit, after=after
    )
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    return {"cards": [shown(each) for each in page.documents], "next_position": page.next_position}


def id_of(owner: str, card_id: str) -> str:
    """Return the id of a card's document: each owner has its own."""
    return hashlib.sha256(f"{owner_segment(owner)}/{card_id}".encode()).hexdigest()


def order_of(owner: str, seen_at: int) -> str:
    """Return the order key of a card that was seen last at this time."""
    return f"{owner_segment(owner)}/{seen_at:015d}"


def shown(document: Document) -> JSON:
    """Return a card as its owner sees it."""
    return {name: document.body[name] for name in _SHOWN}


def no_such_card(card_id: str) -> NotFound:
    """Make the error for a card that was never seen, or is another owner's."""
    return NotFound("there is no such card", {"card_id": card_id[:128]})


def _changed(core: Core, owner: str, card_id: str, decide: Callable[[JSON], JSON]) -> JSON:
    def on_document(before: Document | None) -> Document:
        if before is None:
            raise no_such_card(card_id)
        return _ordered(before, decide(dict(before.body)))

    stored = documents.change(core, CARDS, id_of(owner, card_id), on_document)
    assert stored is not None
    return shown(stored)


def _ordered(document: Document, body: JSON) -> Document:
    return replace(document, body=body, order=order_of(body["owner"], body["seen_at"]))


def _require_place(core: Core, owner: str) -> None:
    query = DocumentQuery(collection=CARDS, prefix=f"{owner_segment(owner)}/", limit=MAX_CARDS)
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    if len(page.documents) >= MAX_CARDS:
        raise TooLarge("the owner has too many cards", {"limit": MAX_CARDS})
