"""Periodic runs of files.sync, and deletion of the blobs of removed files."""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from files_service.api import METHODS
from files_service.api.sync import encode_cursor
from files_service.core import Core
from files_service.errors import BadRequest
from files_service.services.accounts import documents
from files_service.services.erasure import sweep_deletions
from files_service.services.reconcile import Cursor, Stage
from files_service.services.settled_time import ClockWatch, settled_now
from files_service.services.uploads.sweep import sweep_uploads
from files_service.services.versions.sweep import sweep_versions
from files_service.worker.cleaner import Cleaner
from files_service.worker.leased import Leased
from storage_adapters import JSON, Document, RevisionConflict, SupportsDocuments, SupportsLeases

logger = logging.getLogger(__name__)

SEARCH_PAGES = 100
SEARCHES, _SEARCH = "searches", "orphans"
DOCUMENT_BATCH = 100
CLEAN_RETRY_SECONDS = 30
# A clock that is ahead by less deletes no document for ever.
EXPIRED_FOR_MS = 86_400_000


class Sweeper(Leased):
    """The sweeper. ``totals`` counts its actions for the metrics."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        # Kept between sweeps, so that several workers together sweep as often as one.
        super().__init__(core, "sweeper", holder=holder, seconds=core.settings.sweep_interval_seconds, stopped=stopped)
        self.totals: Counter[str] = Counter()
        self._cleaner = Cleaner(core)
        self._watch = ClockWatch(core)
        self._cursor: str | None = None
        self._search_cursor: str | None = None
        self._looked_at: int | None = None
        self._next_at: float = 0

    def notice_removal(self, file_id: str) -> None:
        """Schedule the early deletion of a removed file's blobs."""
        self._cleaner.notice(file_id)

    def step(self) -> float:
        """Clean up after removals and sweep when due; return the seconds to wait."""
        cleaned = self._cleaner.clean(lambda: not self._stopped())
        if self._core.timer() >= self._next_at:
            interval, swept = self._core.settings.sweep_interval_seconds, False
            try:
                swept = self.sweep()
            finally:
                self._next_at = self._core.timer() + (interval if swept else interval / 4) * 1000
        wait = max(0.0, (self._next_at - self._core.timer()) / 1000)
        return wait if cleaned else min(wait, CLEAN_RETRY_SECONDS)

    def sweep(self) -> bool:
        """Run all stages, the first from its last interruption; return False when interrupted.

        The failure of one stage keeps no other back. Raises the last one.
        """
        stages = (
            self._reconcile,
            self._catch_up,
            self._sweep_versions,
            self._sweep_uploads,
            self._sweep_deletions,
            self._sweep_documents,
            self._search,
        )
        failure: Exception | None = None
        for stage in stages:
            try:
                if not stage():
                    return False
            except Exception as error:
                logger.warning("a stage of the sweep fails", exc_info=True, extra={"stage": stage.__name__.strip("_")})
                failure = error
        if failure is not None:
            raise failure
        return True

    def _reconcile(self) -> bool:
        """Run files.sync to its end, from the last interruption; return False when interrupted."""
        began_at = self._core.clock()
        if self._may_go_on():
            self._watch.look()
        while self._may_go_on():
            self._cursor = self._sync(cursor=self._cursor, looked_at=self._looked_at)
            if self._cursor is None:
                self._looked_at = began_at
                return True
        # Other workers may have checked in the meantime; this worker does not know.
        self._looked_at = None
        return False

    def _catch_up(self) -> bool:
        """Delete the blobs of removals in the feed; return True, because what is left waits for the next sweep."""
        self._cleaner.catch_up(self._may_go_on)
        return True

    def _sweep_versions(self) -> bool:
        """Prune files and delete the blobs of removed versions; return False when interrupted."""
        while self._may_go_on():
            counts = sweep_versions(self._core)
            self.totals.update(counts)
            if not counts.total():
                return True
            logger.info("versions swept", extra={"counts": dict(counts)})
        return False

    def _sweep_uploads(self) -> bool:
        """Delete expired uploads and unused chunks; return False when interrupted."""
        while self._may_go_on():
            counts = sweep_uploads(self._core)
            self.totals.update(counts)
            if not counts.total():
                return True
            logger.info("uploads swept", extra={"counts": dict(counts)})
        return False

    def _sweep_deletions(self) -> bool:
        """Go on with the deletion of accounts; return False when interrupted."""
        while self._may_go_on():
            if not isinstance(self._core.metadata, SupportsDocuments):
                return True
            counts = sweep_deletions(self._core)
            self.totals.update(counts)
            if not counts.total():
                return True
            logger.info("deleted accounts swept", extra={"counts": dict(counts)})
        return False

    def _sweep_documents(self) -> bool:
        """Delete expired documents and old tombstones until none are left; return False when interrupted."""
        store = self._core.metadata
        while self._may_go_on():
            if not isinstance(store, SupportsDocuments):
                return True
            now = settled_now(self._core)
            expired = store.expire_documents(now=now - EXPIRED_FOR_MS, limit=DOCUMENT_BATCH)
            forgotten = store.forget_documents(now=now, limit=DOCUMENT_BATCH)
            if not expired + forgotten:
                return True
            self.totals.update(expired_documents=expired, forgotten_documents=forgotten)
        return False

    def _search(self) -> bool:
        """Continue the orphan scan, or start it when due; return False when interrupted."""
        mark = self._search_mark()
        cursor = mark.body["cursor"] if mark is not None else self._search_cursor
        if cursor is None and self._may_begin_search():
            cursor = encode_cursor(Cursor(stage=Stage.STORED))
        if cursor is None:
            return True
        try:
            for _ in range(SEARCH_PAGES):
                if cursor is None or not self._may_go_on():
                    break
                cursor = self._sync(cursor=cursor)
        except BadRequest:
            # The place of another version of the service.
            cursor = None
        finally:
            self._note_search(mark, cursor)
        return cursor is None or self._may_go_on()

    def _search_mark(self) -> Document | None:
        has_documents = isinstance(self._core.metadata, SupportsDocuments)
        return documents.find(self._core, SEARCHES, _SEARCH) if has_documents else None

    def _note_search(self, mark: Document | None, cursor: str | None) -> None:
        """Keep the place of the scan, so that a process that takes over goes on there."""
        self._search_cursor = cursor
        if not isinstance(self._core.metadata, SupportsDocuments):
            return
        mark = mark or documents.new_document(SEARCHES, _SEARCH, {"cursor": None})
        if mark.body["cursor"] != cursor:
            # Another worker sweeps, too.
            with suppress(RevisionConflict):
                documents.put(self._core, replace(mark, body={"cursor": cursor}))

    def _may_begin_search(self) -> bool:
        """Return True when the scan is due: this lease is never renewed, so all workers start one scan per period."""
        interval, store = self._core.settings.inventory_interval_seconds, self._core.metadata
        if not interval or not isinstance(store, SupportsLeases):
            return False
        now = self._core.clock()
        return store.acquire_lease("inventory", holder=secrets.token_hex(8), now=now, until=now + interval * 1000)

    def _sync(self, **params: Any) -> str | None:
        """Call files.sync once; return the cursor of the next call."""
        report = METHODS["files.sync"](params, self._core)
        self.totals.update(report["counts"])
        _log(report)
        cursor: str | None = report["next_cursor"]
        return cursor

    def _may_go_on(self) -> bool:
        return self._lease.held() and not self._stopped()


def _log(report: JSON) -> None:
    if any(report["counts"].values()):
        logger.info("swept", extra={"counts": report["counts"], "first_errors": report["errors"][:5]})
