"""The runner of the census: one process of all, every six hours, and soon after a change of the nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from files_service.core import Core
from files_service.nodes.controller.census import reports
from files_service.nodes.controller.census.driver import Driver
from files_service.nodes.controller.census.losses import mark_losses
from files_service.nodes.controller.census.reports import Outcome
from files_service.nodes.controller.census.throttle import Throttle
from files_service.nodes.controller.census.wanted import WantedNames
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.watch import Watch
from files_service.runtime.lease import KeptLease, Lease, LeaseTaken
from storage_adapters.blobs.nodes.protocol import census
from storage_adapters.blobs.nodes.protocol.errors import Overtaken, Unreachable
from storage_adapters.blobs.nodes.protocol.liveness import View
from storage_adapters.blobs.nodes.protocol.trimming import Limits

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 6 * 3_600
LEASE_SECONDS = 30.0
# A change is followed by others: nodes join one after the other.
SETTLE_SECONDS = 10.0
RETRY_SECONDS = 60.0
LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class _Cause:
    """All that a census is due for when it changes: the layout, the nodes that are out or silent, requests."""

    version: int
    out: frozenset[str]
    silent: frozenset[str]
    asked: int

    def __str__(self) -> str:
        """Return the form in which all processes compare it."""
        return f"{self.version} out={','.join(sorted(self.out))} silent={','.join(sorted(self.silent))} {self.asked}"


class CensusRunner:
    """The runner of one process. ``outcome`` is that of its last census."""

    def __init__(
        self,
        core: Core,
        watch: Watch,
        nodes: Callable[[], Nodes],
        *,
        holder: str,
        throttle: Throttle,
        limits: Limits | None = None,
        interval: float = INTERVAL_SECONDS,
        settle: float = SETTLE_SECONDS,
    ) -> None:
        self._core, self._watch, self._nodes, self._throttle = core, watch, nodes, throttle
        self._holder, self._limits, self._interval, self._settle = holder, limits, interval, settle
        self.outcome: Outcome | None = None
        self._done: _Cause | None = None
        self._seen: _Cause | None = None
        self._seen_at = self._next_at = 0

    def step(self) -> float:
        """Run a census if one is due; return the seconds to wait."""
        now, cause = self._core.timer(), self._cause()
        if not cause.version:
            return LOOK_SECONDS
        if cause != self._seen:
            self._seen, self._seen_at = cause, now
        changed = cause != self._done and now - self._seen_at >= self._settle * 1000
        if not changed and (cause != self._done or now < self._next_at):
            return LOOK_SECONDS
        left_ms = self._left_ms(cause)
        if left_ms > 0:
            self._done, self._next_at = cause, now + left_ms
            return LOOK_SECONDS
        outcome = self.run()
        is_done = outcome is not None and not outcome.error
        self._done = cause if is_done else self._done
        self._next_at = self._core.timer() + int((self._interval if is_done else RETRY_SECONDS) * 1000)
        if not is_done:
            # Not at once again: another process has the lease, or a store is away.
            self._seen_at = self._core.timer() + int(RETRY_SECONDS * 1000)
        return LOOK_SECONDS

    def _left_ms(self, cause: _Cause) -> int:
        """Return the time until the next census where another process has run one for this cause, else 0."""
        found = reports.load_outcome(self._core)
        if found is None or found.error or found.cause != str(cause):
            return 0
        interval = int(self._interval * 1000)
        passed = self._core.clock() - found.ended_at
        # The clock may have been set since.
        return interval - passed if 0 <= passed <= interval else 0

    def run(self) -> Outcome | None:
        """Run one census now; return None when another process runs one, or has begun a later one."""
        lease = Lease(
            self._core.metadata,
            "census",
            holder=self._holder,
            seconds=LEASE_SECONDS,
            clock=self._core.clock,
            timer=self._core.timer,
        )
        try:
            with KeptLease(lease, seconds=LEASE_SECONDS) as kept:
                return self._run(kept.is_certain)
        except LeaseTaken:
            return None
        except (Overtaken, Unreachable) as error:
            logger.warning("census not begun", extra={"error": str(error)})
            return None

    def _run(self, is_certain: Callable[[], bool]) -> Outcome:
        self._watch.step()
        view, cause = self._watch.view, str(self._cause())
        driver = Driver(
            self._core,
            self._nodes(),
            view.layout,
            throttle=self._throttle,
            wanted=WantedNames(self._core),
            is_certain=is_certain,
        )
        try:
            confirmed = reports.is_confirmed(self._core)
            report = driver.run(census.run(view, self._limits, confirmed=confirmed))
        finally:
            driver.close()
        if report.lost:
            mark_losses(self._core, [each.chunk_id for each in report.lost])
        if report.cleared:
            self._watch.clear(report.cleared)
        self.outcome = reports.save_outcome(self._core, report, cause)
        if confirmed:
            reports.use_confirmation(self._core, self.outcome)
        _log(self.outcome, view)
        return self.outcome

    def _cause(self) -> _Cause:
        view = self._watch.view
        return _Cause(view.layout.version, view.out, view.silent, reports.asked(self._core))


def _log(outcome: Outcome, view: View) -> None:
    extra = {
        "epoch": outcome.epoch,
        "complete": outcome.complete,
        "nodes": len(view.layout.registered),
        "wanted": outcome.wanted,
        "repairs": outcome.repairs,
        "under_replicated": outcome.under_replicated,
        "lost": outcome.lost_chunks,
        "trashed": outcome.trashed,
    }
    if outcome.error or outcome.under_replicated or outcome.lost_chunks or outcome.held_back:
        logger.warning("census ended", extra={**extra, "error": outcome.error, "held_back": outcome.held_back})
    else:
        logger.info("census ended", extra=extra)
