"""Erasure of the cards of an owner, in bounded steps."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.uploads import owner_segment
from files_service.services.accounts import documents
from files_service.services.cards.card import CARDS
from files_service.services.cards.entries import ENTRIES
from files_service.services.cards.known import KNOWN
from files_service.services.cards.session import SESSIONS
from files_service.services.cards.verification import VERIFICATIONS
from storage_adapters import Document, DocumentQuery


def erase_cards(core: Core, owner: str, limit: int) -> int:
    """Delete up to ``limit`` documents of an owner's cards; return how many, 0 when none is left.

    A session goes after its entries: until then it leads to them.
    """
    prefix = f"{owner_segment(owner)}/"
    for session in _some(core, SESSIONS, prefix, 1):
        within = _some(core, ENTRIES, f"{session.document_id}/", limit)
        if within:
            return _delete(core, within)
        work = documents.find(core, VERIFICATIONS, session.document_id)
        return _delete(core, (session,) if work is None else (work, session))
    return _delete(core, _some(core, KNOWN, prefix, limit)) or _delete(core, _some(core, CARDS, prefix, limit))


def _some(core: Core, collection: str, prefix: str, limit: int) -> tuple[Document, ...]:
    query = DocumentQuery(collection=collection, prefix=prefix, limit=limit)
    return documents.documents_of(core).find_documents(query, now=core.clock()).documents


def _delete(core: Core, found: tuple[Document, ...]) -> int:
    for each in found:
        documents.delete(core, each)
    return len(found)
