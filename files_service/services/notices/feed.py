"""The consumer of the change feed that writes notices to the outbox.

The checkpoint moves after the notices of a batch are in the outbox; so a batch may be read twice, and its notices have
the same keys. Without a checkpoint the feed is read from its end: what was before is no news.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from files_service.core import Core
from files_service.domain.notices import Kind, Notice, is_watched, notices_of_card, notices_of_session
from files_service.services.accounts import documents
from files_service.services.cards.card import CARDS
from files_service.services.cards.session import SESSIONS, session_of
from files_service.services.files import require
from files_service.services.notices.disks import note_card
from files_service.services.notices.outbox import Wanted, add_notices
from files_service.services.notices.silence import watch
from storage_adapters import BEGINNING, Change, Document, DocumentChange, SupportsChanges

logger = logging.getLogger(__name__)

CONSUMER = "notices"
BATCH = 200


class NoticeFeed:
    """Reader of the feed; one process at a time."""

    def __init__(self, core: Core, wanted: Wanted) -> None:
        self._core, self._wanted = core, wanted
        self._feed = require(core.metadata, SupportsChanges)

    def step(self) -> int:
        """Read the next batch; return how many changes it had. Raises CheckpointConflict."""
        position = self._feed.checkpoint(CONSUMER)
        if not position or not self._feed.has_changes_behind(position):
            end = self._feed.last_sequence() or BEGINNING
            if position and position != end:
                logger.warning("the change feed was trimmed; notices begin anew")
            if position != end:
                for card in documents.walk(self._core, CARDS, ""):
                    note_card(self._core, card.body["size_bytes"] or 0)
                self._feed.move_checkpoint(CONSUMER, expected=position, sequence=end)
            return 0
        changes = self._feed.changes(after=position, limit=BATCH)
        if not changes:
            return 0
        for change in changes:
            if isinstance(change, DocumentChange):
                self._read(change.document)
        add_notices(self._core, self._wanted, _notices_of(changes))
        self._feed.move_checkpoint(CONSUMER, expected=position, sequence=changes[-1].sequence)
        return len(changes)

    def _read(self, document: Document) -> None:
        """Keep what later notices need."""
        if document.deleted:
            return
        if document.collection == CARDS:
            note_card(self._core, document.body["size_bytes"] or 0)
        elif document.collection == SESSIONS:
            shown = session_of(document).shown()
            if is_watched(shown):
                watch(self._core, document.document_id, shown["updated_at"])


def forget(core: Core) -> bool:
    """Remove the checkpoint, which holds the changes behind it in the feed; return False when there is none."""
    feed = require(core.metadata, SupportsChanges)
    position = feed.checkpoint(CONSUMER)
    if position:
        feed.move_checkpoint(CONSUMER, expected=position, sequence="")
    return bool(position)


def _notices_of(changes: list[Change | DocumentChange]) -> Iterator[Notice]:
    for change in changes:
        if isinstance(change, Change):
            yield from _notices_of_file(change)
        elif not change.document.deleted:
            yield from _notices_of_document(change.document)


def _notices_of_file(change: Change) -> Iterator[Notice]:
    if change.event == "expired":
        record = change.record
        facts = {"file_id": record.file_id, "name": record.name, "path": record.path, "size": record.size}
        key = f"file/{record.file_id}/expired"
        yield Notice(kind=Kind.UPLOAD_EXPIRED, key=key, at=change.changed_at, owner=record.owner, facts=facts)


def _notices_of_document(document: Document) -> Iterator[Notice]:
    at = document.updated_at
    if document.collection == CARDS:
        yield from notices_of_card(document.body, at)
    elif document.collection == SESSIONS:
        yield from notices_of_session(session_of(document).shown(), at)
