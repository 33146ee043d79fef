"""Early deletion of the blobs of removed files: at once by notice, and by the change feed, which no crash forgets."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from files_service.core import Core
from files_service.runtime.backoff import Backoff
from files_service.services.cleaning import clean_early
from storage_adapters import Change, CheckpointConflict, StorageUnavailable, SupportsChanges

logger = logging.getLogger(__name__)

CONSUMER = "cleaner"
MAX_WAITING = 10_000
BATCH = 100
READ_AT_ONCE = 500
EARLIER_MS = 366 * 86_400_000


class Cleaner:
    """The cleaner of one process. Blobs are deleted again at the time of their tombstone: URLs may bring bytes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._removed: deque[str] = deque(maxlen=MAX_WAITING)
        # Of these the feed need not remind: their blobs are deleted.
        self._done: deque[str] = deque(maxlen=MAX_WAITING)
        # These alone cannot be deleted: they keep neither others nor the checkpoint back, and the sweep of tombstones
        # tries them, too.
        self._left = Backoff(first_ms=30_000, factor=2, longest_ms=3_600_000)

    def notice(self, file_id: str) -> None:
        """Schedule the deletion of a removed file's blobs."""
        self._removed.append(file_id)

    def clean(self, go_on: Callable[[], bool]) -> bool:
        """Delete the blobs of noticed files, and those that are to be tried again; return False while some are left."""
        if not self._clean_noticed(go_on):
            return False
        due = self._left.due(now=self._core.timer())[:BATCH]
        if due and go_on():
            self._delete(due)
        return not len(self._left)

    def _clean_noticed(self, go_on: Callable[[], bool]) -> bool:
        """Delete the blobs of noticed files, in batches; return False in an outage."""
        while self._removed and go_on():
            batch = [self._removed.popleft() for _ in range(min(BATCH, len(self._removed)))]
            if not self._delete(batch):
                self._removed.extend(batch)
                return False
            self._done.extend(batch)
        return True

    def _delete(self, batch: Sequence[str]) -> bool:
        """Delete the blobs of files, and plan another attempt for what alone stays; return False in an outage."""
        try:
            left = clean_early(self._core, batch)
        except StorageUnavailable as error:
            logger.info("blobs left for a retry", extra={"files": len(batch), "error": str(error)})
            return False
        for file_id in batch:
            if file_id in left:
                self._left.fail(file_id, now=self._core.timer())
            else:
                self._left.forget(file_id)
        return True

    def catch_up(self, go_on: Callable[[], bool]) -> bool:
        """Delete the blobs of all removals in the feed behind the checkpoint; return False when interrupted.

        The checkpoint moves when they are deleted. So what a process did not delete before it died, the next one that
        sweeps deletes.
        """
        feed = self._core.metadata
        if not isinstance(feed, SupportsChanges):
            return self._find_earlier(go_on)
        while go_on():
            position = feed.checkpoint(CONSUMER)
            if not position or not feed.has_changes_behind(position):
                # Read before the tombstones, so that these include all removals up to it.
                last = feed.last_sequence()
                if last and not (self._find_earlier(go_on) and self._move(feed, position, last)):
                    return False
                position = last
            changes = feed.changes(after=position, limit=READ_AT_ONCE)
            if not changes:
                return True
            self._remember(each.file_id for each in changes if isinstance(each, Change) and each.deleted)
            if not self._clean_noticed(go_on) or self._removed:
                return False
            if not self._move(feed, position, changes[-1].sequence):
                return False
        return False

    def _remember(self, file_ids: Iterable[str]) -> None:
        known = {*self._done, *self._removed}
        self._removed.extend(file_id for file_id in dict.fromkeys(file_ids) if file_id not in known)

    def _move(self, feed: SupportsChanges, position: str, sequence: str) -> bool:
        try:
            feed.move_checkpoint(CONSUMER, expected=position, sequence=sequence)
        except CheckpointConflict:
            # Another process sweeps, too.
            return False
        return True

    def _find_earlier(self, go_on: Callable[[], bool]) -> bool:
        """Delete the blobs of all tombstones that name some; return False when interrupted.

        The feed may have been trimmed before its first reading, or be that of a restored store.
        """
        after: str | None = ""
        while after is not None and go_on():
            found = self._core.metadata.unclean(now=self._core.clock() + EARLIER_MS, limit=BATCH, after=after)
            self._remember(tombstone.file_id for tombstone in found)
            after = found[-1].file_id if len(found) == BATCH else None
            if not self._clean_noticed(go_on) or self._removed:
                return False
        return after is None
