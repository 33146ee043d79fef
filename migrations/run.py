"""What a step is given: the store, the batch size, and a place to write down how far it has come."""

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
    """Keeps work at a number of files a second, and ends it when somebody says so: once a process.

    ``stop`` may be called by a handler of signals. That runs between any two steps of the main thread, so nothing here
    has a lock, which that thread might hold.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._rate = rate
        self._stopped = False
        self._pipe = os.pipe() if rate else None
        self._due = time.monotonic()

    def stop(self) -> None:
        """Ask for the end; the next checkpoint is the last."""
        self._stopped = True
        if self._pipe:
            os.write(self._pipe[1], b"!")

    @property
    def stopped(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stopped

    def close(self) -> None:
        """Give back what waiting takes. Closing twice is harmless."""
        pipe, self._pipe = self._pipe, None
        for each in pipe or ():
            os.close(each)

    def after(self, files: int) -> None:
        """Wait as long as these files are to take, or until the end is asked for."""
        if self._rate and self._pipe:
            # What was slower than the rate is not made up for by a burst.
            self._due = max(self._due + files / self._rate, time.monotonic() - 1)
            select.select([self._pipe[0]], [], [], max(0.0, self._due - time.monotonic()))


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a bar shows: how much of a stage is done, and of how much (None = unknown)."""

    stage: str
    done: int
    total: int | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """One step under way. ``checkpoint`` survives a kill, ``notes`` survive the step, for the way back."""

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
        """Write down that a stage has come to a place; raises Stopped when this run is to end here.

        The right to work is checked before and the journal written after: of two runners one fails here.
        """
        done = int(self.checkpoint.get("done", 0)) if self.checkpoint.get("stage") == stage else 0
        self.checkpoint.clear()
        self.checkpoint.update(stage=stage, place=place, done=done + files)
        self.check()
        self.write()
        self.show(Progress(stage=stage, done=done + files, total=self.total))
        if self.pace.stopped:
            raise Stopped("stopped at a checkpoint; run again to go on")
        self.pace.after(files)

    def note(self, name: str, value: object) -> None:
        """Keep how something was, for the way back; to be called before it is changed. What was noted first stays."""
        if name not in self.notes:
            self.notes[name] = value
            self.check()
            self.write()

    def place(self, stage: str) -> object:
        """Where the stage was left, None when it was not begun."""
        return self.checkpoint.get("place") if self.checkpoint.get("stage") == stage else None

    def is_past(self, stage: str, stages: tuple[str, ...]) -> bool:
        """Whether a later stage was begun, so that this one is done."""
        found = self.checkpoint.get("stage")
        return found in stages and stages.index(found) > stages.index(stage)
