"""The scrubber: reads all stored bytes within ``scrub_days`` at a bounded rate, and repairs lost parts."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from files_service.core import Core
from files_service.services.outages import require_stores
from files_service.services.scrub.examination import Loss
from files_service.services.scrub.marks import PAGE, LostPart, lost_parts
from files_service.services.scrub.progress import Progress, load_progress, save_progress
from files_service.services.scrub.repair import recheck, repair_from
from files_service.services.scrub.walk import PART_COST, START, Walk
from files_service.worker.leased import Leased
from storage_adapters import (
    Change,
    FileRecord,
    Part,
    RevisionConflict,
    StorageError,
    StorageFull,
    StorageUnavailable,
    SupportsDocuments,
)

logger = logging.getLogger(__name__)

LEASE_SECONDS = 60.0
RETRY_SECONDS = 30.0
LOOK_SECONDS = 60
# A pass begins so early that no byte waits for longer than ``scrub_days``, also when this pass is slower than the last.
PERIOD_SHARE = 0.9
LEAST_RATE = 1024 * 1024
MOST_RATE = 256 * 1024 * 1024
TURN_BYTES = 8 * 1024 * 1024
TURN_SECONDS = 1
MOST_COUNTED = 10_000
MOST_WAITING = 1_000
# Attempts to repair lost parts by one file.
MOST_REPAIRS = 10


class Scrubber(Leased):
    """The scrubber. ``lost`` and ``oldest_unverified_seconds`` feed the metrics where the lease is held."""

    def __init__(self, core: Core, *, holder: str, stopped: Callable[[], bool] = lambda: False) -> None:
        super().__init__(core, "scrub", holder=holder, seconds=LEASE_SECONDS, stopped=stopped)
        self.lost = 0
        self._period = int(core.settings.scrub_days * 86_400_000 * PERIOD_SHARE)
        # Files that may repair lost parts, with the failures of each.
        self._brought: deque[tuple[str, int]] = deque(maxlen=MOST_WAITING)
        # Looked up at the first change; later losses are announced by the feed before the bytes that repair them.
        self._any_lost: bool | None = None
        self._look_at = self._save_at = self._next_at = self._repair_at = 0
        self._due_at = self._looked_at = 0
        self._rate: float = LEAST_RATE
        self._progress: Progress | None = None
        self._walk = Walk(core)
        self._steps: Iterator[int] | None = None

    def notice(self, change: Change) -> bool:
        """Take note of a change; return True when the scrubber has something to do."""
        if change.event == "lost":
            self._any_lost = True
        if change.event != "processed":
            return False
        if self._any_lost is None:
            self._any_lost = next(self._marks(), None) is not None
        if self._any_lost:
            self._brought.append((change.file_id, 0))
        return self._any_lost

    @property
    def unread(self) -> int:
        """Parts that the pass could not read although the store answers, since this worker runs it; or the last one."""
        return self._walk.unread

    @property
    def oldest_unverified_seconds(self) -> float:
        """Age of the bytes that were not read for longest; 0 where nothing is known."""
        since = self._progress.unverified_since(self._walk.created_at) if self._progress is not None else None
        return max(0.0, (self._core.clock() - since) / 1000) if since is not None else 0.0

    def step(self) -> float:
        """Repair what new files bring, look at the marks when due, read on; return the seconds to wait."""
        if not isinstance(self._core.metadata, SupportsDocuments):
            return RETRY_SECONDS
        self._repair()
        if not self._lease.held():
            self._drop()
            self.lost = 0
            return RETRY_SECONDS
        timer = self._core.timer
        if timer() >= self._look_at:
            self._look_at = timer() + LOOK_SECONDS * 1000
            self._look()
        if self._period and timer() >= self._next_at:
            self._next_at = timer() + int(self._read() * 1000)
        ends = [self._look_at, *([self._next_at] if self._period else [])]
        return max(0.0, (min(ends) - timer()) / 1000)

    def give_up(self) -> None:
        """Store the place that was reached and release the lease, so that another worker can continue."""
        if self._progress is not None and self._progress.ended_at is None:
            with suppress(StorageError):
                self._save()
        self._drop()
        self._lease.release()

    def _repair(self) -> None:
        """Repair lost parts by the bytes of new files; after a failure the next file is tried some time later."""
        while self._brought and self._core.timer() >= self._repair_at and not self._stopped():
            file_id, failures = self._brought.popleft()
            try:
                for _ in repair_from(self._core, file_id):
                    if self._stopped():
                        self._brought.appendleft((file_id, failures))
                        return
            except StorageUnavailable as error:
                logger.warning("lost parts were not repaired: %s", error, extra={"file_id": file_id})
                self._repair_at = self._core.timer() + int(RETRY_SECONDS * 1000)
                self._put_back(file_id, failures, error)

    def _put_back(self, file_id: str, failures: int, error: StorageUnavailable) -> None:
        """Let a file wait behind the others; one that fails while the stores answer and have room, a few times."""
        if not isinstance(error, StorageFull):
            with suppress(StorageUnavailable):
                require_stores(self._core)
                failures += 1
        if failures < MOST_REPAIRS:
            self._brought.append((file_id, failures))

    def _look(self) -> None:
        """Look at marks whose bytes may have come back, and count the others; compute the rate anew."""
        self.lost, first = 0, self._looked_at
        for index, lost in enumerate(islice(self._marks(), MOST_COUNTED)):
            self.lost += not (first <= index < first + PAGE and self._is_back(lost))
        self._looked_at = first + PAGE if first + PAGE < self.lost else 0
        self._any_lost = self.lost > 0
        if self._progress is not None and self._progress.ended_at is None:
            self._rate = self._wanted_rate(self._progress)

    def _is_back(self, lost: LostPart) -> bool:
        """Return True when a mark was taken off; bytes that cannot be looked at, though stores answer, stay lost."""
        try:
            return recheck(self._core, lost)
        except Exception as error:  # noqa: BLE001 - of one part; the marks behind it are looked at
            require_stores(self._core)
            extra = {"file_id": lost.file_id, "part_id": lost.part_id, "error": str(error)}
            logger.warning("a lost part cannot be looked at", extra=extra)
            return False

    def _marks(self) -> Iterator[LostPart]:
        return lost_parts(self._core.metadata, now=self._core.clock())

    def _read(self) -> float:
        """Read some of what is due; return the seconds to wait, at least as long as the reading took."""
        timer = self._core.timer
        progress = self._progress or self._load()
        if progress.ended_at is not None:
            if timer() < self._due_at:
                return (self._due_at - timer()) / 1000
            progress = self._begin(progress.following(self._core.clock()))
        began, cost, ended = timer(), 0, False
        steps = self._steps = self._steps or self._walk.steps()
        turn = max(TURN_BYTES, self._rate * TURN_SECONDS)
        try:
            while cost < turn and not self._stopped():
                cost += next(steps)
        except StopIteration:
            ended, self._steps = True, None
        except BaseException:
            self._steps = None
            raise
        self._progress = replace(progress, cost=progress.cost + cost, cursor=self._walk.cursor)
        if ended:
            self._progress = replace(self._progress, ended_at=self._core.clock(), cursor=START)
            level = logging.WARNING if self._walk.unread else logging.INFO
            extra = {"cost": self._progress.cost, "files": self._walk.files, "unread_parts": self._walk.unread}
            logger.log(level, "all bytes read", extra=extra)
        if ended or timer() >= self._save_at:
            self._save()
        elapsed = (timer() - began) / 1000
        return max(cost / self._rate - elapsed, elapsed)

    def _load(self) -> Progress:
        """Go on where the last holder of the lease was."""
        now, timer = self._core.clock(), self._core.timer()
        stored = load_progress(self._core.metadata, now=self._core.clock())
        if stored is None:
            return self._begin(Progress(began_at=now))
        # By the wall clock, which may have been set: never later than if the pass began now.
        rest = stored.began_at + self._period - now
        self._due_at = timer + max(0, min(rest, self._period))
        return self._go_on(stored)

    def _begin(self, progress: Progress) -> Progress:
        self._due_at = self._core.timer() + self._period
        return self._go_on(progress)

    def _go_on(self, progress: Progress) -> Progress:
        self._progress = progress
        self._walk, self._steps = Walk(self._core, cursor=progress.cursor, on_loss=_log), None
        self._save_at = self._core.timer() + LOOK_SECONDS * 1000
        self._rate = self._wanted_rate(progress)
        return progress

    def _wanted_rate(self, progress: Progress) -> float:
        """Return the bytes a second at which the pass ends in time."""
        usage = self._core.metadata.usage(None)
        files = usage.files
        stock = usage.bytes + files * PART_COST
        rest = max(stock - progress.cost, stock / 20)
        seconds = max(1.0, (self._due_at - self._core.timer()) / 1000)
        return min(max(rest / seconds, LEAST_RATE), MOST_RATE)

    def _save(self) -> None:
        assert self._progress is not None
        try:
            self._progress = save_progress(self._core, self._progress)
        except RevisionConflict:
            # Another process has read on, or a command has read everything.
            self._drop()
            return
        self._save_at = self._core.timer() + LOOK_SECONDS * 1000

    def _drop(self) -> None:
        self._progress, self._steps = None, None


def _log(record: FileRecord, part: Part, loss: Loss) -> None:
    extra = {"file_id": record.file_id, "part_id": part.part_id, "reason": loss.reason.value, "offset": loss.offset}
    logger.warning("bytes are lost", extra=extra)
