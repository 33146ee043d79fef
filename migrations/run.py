"""The context of a step: store, batch size, and checkpoints."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from migrations.errors import Stopped
from storage_adapters import JSON, SupportsMigrations

DEFAULT_BATCH = 500


class Pace:
    """Rate limit in files per second, and the stop flag of the process.

    A signal handler may call ``stop``. It runs between any two steps of the main thread, so nothing here takes a lock
    that this thread might hold.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._rate = rate
        self._stopped = False
        self._pipe = os.pipe() if rate else None
        self._due = time.monotonic()

    def stop(self) -> None:
        """Request a stop; the next checkpoint is the last."""
        self._stopped = True
        if self._pipe:
            os.write(self._pipe[1], b"!")

    @property
    def stopped(self) -> bool:
        """True after a stop request."""
        return self._stopped

    def close(self) -> None:
        """Release resources. Safe to call twice."""
        pipe, self._pipe = self._pipe, None
        for each in pipe or ():
            os.close(each)

    def after(self, files: int) -> None:
        """Wait for the time that these files may take, or until a stop request."""
        if self._rate and self._pipe:
            # Time lost by slow batches is not made up by a burst.
            self._due = max(self._due + files / self._rate, time.monotonic() - 1)
            select.select([self._pipe[0]], [], [], max(0.0, self._due - time.monotonic()))


@dataclass(slots=True, kw_only=True)
class Progress:
    """Progress of a stage: done, and total (None = unknown)."""

    stage: str
    done: int
    total: int | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """One running step. ``checkpoint`` survives a kill; ``notes`` survive the step, for its reversal."""

    store: SupportsMigrations
    batch: int = DEFAULT_BATCH
    checkpoint: JSON = field(default_factory=dict)
    notes: JSON = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    check: Callable[[], None] = lambda: None
    write: Callable[[], None] = lambda: None
    show: Callable[[Progress], None] = lambda _: None
    total: int | None = None

    def save(self, stage: str, place: object, *, files: int = 0) -> None:
        """Write a checkpoint of a stage; raise Stopped when the run is to stop here.

        The lease is checked before and the journal written after: of two runners one fails here.
        """
        done = int(self.checkpoint.get("done", 0)) if self.checkpoint.get("stage") == stage else 0
        self.checkpoint.clear()
        self.checkpoint.update(stage=stage, place=place, done=done + files)
        self.check()
        self.write()
        self.show(Progress(stage=stage, done=done + files, total=self.total))
        if self.pace.stopped:
            raise Stopped("stopped at a checkpoint; run again to continue")
        self.pace.after(files)

    def note(self, name: str, value: object) -> None:
        """Keep the state before a change, for its reversal; call this first. The first note stays."""
        if name not in self.notes:
            self.notes[name] = value
            self.check()
            self.write()

    def place(self, stage: str) -> object:
        """Return the position of an interrupted stage, None when it has not begun."""
        return self.checkpoint.get("place") if self.checkpoint.get("stage") == stage else None

    def is_past(self, stage: str, stages: tuple[str, ...]) -> bool:
        """Return True when a later stage has begun, so that this one is finished."""
        found = self.checkpoint.get("stage")
        return found in stages and stages.index(found) > stages.index(stage)
