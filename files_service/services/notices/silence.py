"""Sessions that should go on: a document for each, looked at when no news of it came for a while."""

from __future__ import annotations

import logging
from dataclasses import replace

from files_service.core import Core
from files_service.domain.notices import SILENT_MS, interruption_of, is_watched
from files_service.services.accounts import documents
from files_service.services.cards.session import find_session
from files_service.services.notices.outbox import Wanted, add_notices
from storage_adapters import Document, DocumentQuery, RevisionConflict

logger = logging.getLogger(__name__)

WATCHES = "notice_watches"
_BATCH = 100


def watch(core: Core, session_id: str, updated_at: int) -> None:
    """Look at a session once it was silent for ``SILENT_MS``."""
    entry = documents.new_document(WATCHES, session_id, {}, order=_order(updated_at))
    try:
        documents.put(core, entry)
    except RevisionConflict:
        return  # it is watched already


def tell_silent(core: Core, wanted: Wanted) -> None:
    """Tell of sessions that did not go on."""
    now = core.clock()
    query = DocumentQuery(collection=WATCHES, end=f"{now + 1:015d}", limit=_BATCH)
    for entry in documents.documents_of(core).find_documents(query, now=now).documents:
        try:
            _look(core, wanted, entry)
        except documents.UNREADABLE as error:
            # It would stand before all others for ever.
            extra = {"session": entry.document_id, "error": f"{type(error).__name__}: {error}"}
            logger.error("a session is not watched: it cannot be read", extra=extra)
            documents.delete(core, entry)


def _look(core: Core, wanted: Wanted, entry: Document) -> None:
    session = find_session(core, entry.document_id)
    shown = session.shown() if session is not None else None
    if shown is None or not is_watched(shown):
        documents.delete(core, entry)
        return
    notice = interruption_of(shown, core.clock())
    if notice is not None:
        add_notices(core, wanted, [notice])
        # Its next change is in the feed, and it is watched again.
        documents.delete(core, entry)
    else:
        documents.put(core, replace(entry, order=_order(shown["updated_at"])))


def _order(updated_at: int) -> str:
    return f"{updated_at + SILENT_MS:015d}"
