"""The consumer of the change feed that writes notices to the outbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from files_service.core import Core
from files_service.domain.notices import Kind, Notice, is_watched, notices_of_card, notices_of_session
from files_service.services.accounts import documents
from files_service.services.cards.card import CARDS
from files_service.services.cards.session import SESSIONS, session_of
from files_service.services.files import require
from files_service.services.following import Follower
from files_service.services.notices.disks import note_card
from files_service.services.notices.outbox import Wanted, add_notices
from files_service.services.notices.silence import watch
from storage_adapters import Change, Document, DocumentChange, FileStatus, SupportsChanges

CONSUMER = "notices"
BATCH = 200


class NoticeFeed(Follower):
    """Reader of the feed; one process at a time."""

    consumer, batch = CONSUMER, BATCH
    missed = "the change feed was trimmed; notices begin anew"

    def __init__(self, core: Core, wanted: Wanted) -> None:
        super().__init__(core)
        self._wanted = wanted

    def begin(self) -> None:
        """See ``Follower``."""
        for card in documents.walk(self._core, CARDS, ""):
            note_card(self._core, card.body["size_bytes"] or 0)

    def tell(self, changes: Sequence[Change | DocumentChange]) -> None:
        """See ``Follower``."""
        for change in changes:
            if isinstance(change, DocumentChange):
                self._read(change.document)
        add_notices(self._core, self._wanted, _notices_of(changes))

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


def _notices_of(changes: Sequence[Change | DocumentChange]) -> Iterator[Notice]:
    for change in changes:
        if isinstance(change, Change):
            yield from _notices_of_file(change)
        elif not change.document.deleted:
            yield from _notices_of_document(change.document)


def _notices_of_file(change: Change) -> Iterator[Notice]:
    record = change.record
    # One that was complete was temporary, or in the trash for its time.
    if change.event == "expired" and record.status is FileStatus.PENDING:
        facts = {"file_id": record.file_id, "name": record.name, "path": record.path, "size": record.size}
        key = f"file/{record.file_id}/expired"
        yield Notice(kind=Kind.UPLOAD_EXPIRED, key=key, at=change.changed_at, owner=record.owner, facts=facts)


def _notices_of_document(document: Document) -> Iterator[Notice]:
    at = document.updated_at
    if document.collection == CARDS:
        yield from notices_of_card(document.body, at)
    elif document.collection == SESSIONS:
        yield from notices_of_session(session_of(document).shown(), at)
