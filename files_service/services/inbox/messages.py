"""The message for open pages about a changed inbox."""

from __future__ import annotations

from files_service.services.cards.messages import Message
from files_service.services.inbox.inbox import INBOXES, inbox_of
from storage_adapters import Document

EVENT = "notices"


def message_of(document: Document) -> Message | None:
    """Return the message about an inbox, None for another document and for a deletion."""
    if document.deleted or document.collection != INBOXES:
        return None
    told = {"event": EVENT, "unread": inbox_of(document).unread, "revision": document.revision}
    return Message(document.body["owner"], told)
