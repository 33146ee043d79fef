"""Messages for open pages, from changes of cards, sessions and verifications in the change feed."""

from __future__ import annotations

from typing import NamedTuple

from files_service.services.cards.card import CARDS
from files_service.services.cards.session import SESSIONS, session_of
from files_service.services.cards.verification import VERIFICATIONS, verification_of
from storage_adapters import JSON, Document

_OF_SESSION = ("session_id", "card_id", "state", "files", "bytes", "files_done", "bytes_done", "known", "failed")


class Message(NamedTuple):
    """A message, and the owner to whom it may be told."""

    owner: str
    body: JSON


def message_of(document: Document) -> Message | None:
    """Return the message about a document, None for one of another kind and for a deletion."""
    body, revision = document.body, document.revision
    if document.deleted or document.collection not in (CARDS, SESSIONS, VERIFICATIONS):
        return None
    if document.collection == CARDS:
        told = {"event": body["event"] or "card_changed", "card_id": body["card_id"], "state": body["state"]}
    elif document.collection == SESSIONS:
        shown = session_of(document).shown()
        told = {"event": "card_session", **{name: shown[name] for name in _OF_SESSION}}
    else:
        told = {"event": "card_verification", "session_id": document.document_id, **verification_of(document).shown()}
    return Message(body["owner"], {**told, "revision": revision})
