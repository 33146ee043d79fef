"""Consumers of the change feed that tell of what happens from now on.

The checkpoint moves after a batch is told; so a batch may be told twice. Without a checkpoint, and where the feed was
trimmed past it, the feed is read from its end: what was before is no news.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence

from files_service.core import Core
from files_service.services.accounts import documents
from files_service.services.files import require
from storage_adapters import BEGINNING, Change, DocumentChange, InvalidDocument, SupportsChanges

logger = logging.getLogger(__name__)


class Follower(ABC):
    """Reader of the feed; one process at a time. ``missed`` is logged when changes were trimmed before it read them."""

    consumer: str
    batch: int
    missed: str

    def __init__(self, core: Core) -> None:
        self._core = core
        self._feed = require(core.metadata, SupportsChanges)

    def step(self) -> int:
        """Read the next batch; return how many changes it had. Raises CheckpointConflict."""
        position = self._feed.checkpoint(self.consumer)
        if not position or not self._feed.has_changes_behind(position):
            self._begin_at_the_end(position)
            return 0
        changes = self._feed.changes(after=position, limit=self.batch)
        if changes:
            self._tell_readable(changes)
            self._feed.move_checkpoint(self.consumer, expected=position, sequence=changes[-1].sequence)
        return len(changes)

    def _tell_readable(self, changes: Sequence[Change | DocumentChange]) -> None:
        """Tell of a batch; pass over what cannot be told, which would stop the feed, and its trimming, for ever."""
        try:
            self.tell(changes)
        except (*documents.UNREADABLE, InvalidDocument) as error:
            if len(changes) > 1:
                for change in changes:
                    self._tell_readable([change])
                return
            extra = {
                "consumer": self.consumer,
                "change": _name_of(changes[0]),
                "error": f"{type(error).__name__}: {error}",
            }
            logger.error("a change is passed over: it cannot be told", extra=extra)

    @abstractmethod
    def tell(self, changes: Sequence[Change | DocumentChange]) -> None:
        """Tell of a batch. What was told before has the same keys."""

    @abstractmethod
    def begin(self) -> None:
        """Take note of what the feed does not tell any more, before its end becomes the beginning."""

    def _begin_at_the_end(self, position: str) -> None:
        end = self._feed.last_sequence() or BEGINNING
        if position == end:
            return
        if position:
            logger.warning(self.missed)
        self.begin()
        self._feed.move_checkpoint(self.consumer, expected=position, sequence=end)


def _name_of(change: Change | DocumentChange) -> str:
    return change.file_id if isinstance(change, Change) else "/".join(change.document.key)
