"""The notifier publishes what happened to links whose owners ask for it: one event for all of some minutes.

An event is published before its notice is forgotten, so it may come twice, with the same ``event_id`` and counts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from files_service.core import Core
from files_service.messaging.events import EventPublisher
from files_service.services.accounts import documents
from files_service.services.shares.activity import due_notices, freeze_notice, settle_notice
from files_service.services.shares.share import find_share
from files_service.worker.leased import Leased
from storage_adapters import JSON, Document, SupportsDocuments

logger = logging.getLogger(__name__)

EVENT = "share_used"
LEASE_SECONDS = 60
BATCH = 100
STEP_SECONDS = 15.0


class Notifier(Leased):
    """Publisher of notices; one worker at a time has the lease."""

    def __init__(
        self, core: Core, publisher: EventPublisher, *, holder: str, stopped: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__(core, "notifier", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self._publisher = publisher

    def step(self) -> float:
        """Publish the notices that are due; return the seconds to wait."""
        if not isinstance(self._core.metadata, SupportsDocuments) or not self._lease.held():
            return STEP_SECONDS
        due = due_notices(self._core, BATCH)
        for each in due:
            if self._stopped() or not self._lease.held():
                return STEP_SECONDS
            try:
                self._tell(each)
            except documents.UNREADABLE as error:
                # It would stand before all others for ever.
                extra = {"share": each.document_id, "error": f"{type(error).__name__}: {error}"}
                logger.error("a notice of a share cannot be read", extra=extra)
                documents.delete(self._core, each)
        return 0.0 if len(due) == BATCH else STEP_SECONDS

    def _tell(self, due: Document) -> None:
        notice = freeze_notice(self._core, due.document_id)
        if notice is None:
            return
        payload = self._payload_of(notice)
        if payload is not None:
            self._publisher.publish(EVENT, payload, event_id=payload["event_id"])
        settle_notice(self._core, notice)

    def _payload_of(self, notice: Document) -> JSON | None:
        """Return the payload, None for a share that is forgotten."""
        share = find_share(self._core, notice.document_id)
        if share is None:
            return None
        named = {name: getattr(share, name) for name in ("share_id", "owner", "tenant", "label", "title")}
        sending = notice.body["sending"]
        counts = {name: sending["counts"].get(name, 0) for name in ("downloaded", "uploaded")}
        return {**named, **counts, "since": sending["since"], "event": EVENT, "event_id": sending["event_id"]}
