"""The settled time of all processes, as a document: sweepers look at the clock, and all that deletes for ever asks."""

from __future__ import annotations

from dataclasses import asdict, replace

from files_service.core import Core
from files_service.domain.settled_time import TOLERANCE_MS, SettledTime, look
from files_service.services.accounts import documents
from storage_adapters import Document, RevisionConflict, SupportsDocuments

CLOCKS, _ID = "clocks", "settled"
_UNSEEN_MS = 3_600_000


def settled_now(core: Core) -> int:
    """Return the time by which may be deleted for ever: that of the clock before anybody looked, and never later."""
    if not isinstance(core.metadata, SupportsDocuments):
        return core.clock()
    found = documents.find(core, CLOCKS, _ID)
    return core.clock() if found is None else min(core.clock(), found.body["settled_at"])


class ClockWatch:
    """Looks at the clock by one process, which measures the time since its last look."""

    def __init__(self, core: Core) -> None:
        self._core = core
        # Of the last look: the revision of the document, the wall clock and the timer.
        self._last: tuple[int, int, int] | None = None

    def look(self) -> None:
        """Compare the clocks and store what is settled; a look of another process at the same moment stands."""
        core = self._core
        if not isinstance(core.metadata, SupportsDocuments):
            return
        found, now, timer = documents.find(core, CLOCKS, _ID), core.clock(), core.timer()
        elapsed_ms = self._elapsed_ms(found, now, timer) if found is not None else None
        unseen_ms = _UNSEEN_MS + 2_000 * core.settings.sweep_interval_seconds
        seen = look(_read(found), now=now, elapsed_ms=elapsed_ms, unseen_ms=int(unseen_ms))
        fresh = found or documents.new_document(CLOCKS, _ID, {})
        body = {**fresh.body, **asdict(seen)}
        try:
            stored = documents.put(core, replace(fresh, body=body))
        except RevisionConflict:
            self._last = None
        else:
            self._last = stored.revision, now, timer

    def _elapsed_ms(self, found: Document, now: int, timer: int) -> int | None:
        """Return the time since the last look of any process, None where this one cannot tell."""
        if self._last is None:
            return None
        revision, looked_at, began = self._last
        if found.revision == revision:
            return timer - began
        # Another process looked since, between this one's looks by a clock that has not jumped.
        seen_at = int(found.body["seen_at"])
        is_steady = abs(now - looked_at - (timer - began)) <= TOLERANCE_MS
        return max(0, now - seen_at) if is_steady and looked_at <= seen_at <= now else None


def _read(found: Document | None) -> SettledTime | None:
    if found is None:
        return None
    return SettledTime(**{name: found.body[name] for name in ("seen_at", "settled_at", "steady_ms")})
