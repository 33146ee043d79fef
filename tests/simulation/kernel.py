"""Scheduler of the simulation: one heap of events, tasks that run generators, processes that crash or stand still.

Every delay and every chance comes from one seeded source, and nothing iterates over a set, so a seed is one history.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random as Chance
from typing import Any

from storage_adapters.blobs.nodes.protocol import effects as e
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError, StillRunning

Done = Callable[[Any, ProtocolError | None], None]


class Violation(AssertionError):
    """An invariant does not hold."""


class Process:
    """What crashes as one: a start of a node, a client, a census. Its clock is its own."""

    __slots__ = ("alive", "clock", "name", "on_crash", "paused_until", "site", "view")

    def __init__(self, name: str, site: str, clock: float = 0.0, view: Any = None) -> None:
        self.name, self.site, self.clock, self.view = name, site, clock, view
        self.alive = True
        self.paused_until = 0.0
        self.on_crash: Callable[[], None] | None = None


class Task:
    """A generator under way in a process; ``request`` is what a node was asked for."""

    __slots__ = ("done", "generator", "process", "request")

    def __init__(self, process: Process, generator: Any, done: Done, request: Any = None) -> None:
        self.process, self.generator, self.done, self.request = process, generator, done, request


class Kernel:
    """Time, chance and the effects that need nothing else."""

    def __init__(self, seed: int, trace: list[str] | None = None) -> None:
        self.chance = Chance(seed)
        self.random = self.chance.random
        self.now = 0.0
        self.trace = trace
        self.effects = 0
        self.crashes_at: dict[int, bool] = {}
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self._tokens = 0
        self.handlers: dict[type, Callable[[Task, Any], None]] = {
            e.Now: lambda task, _: self.resume(task, self.now + task.process.clock),
            e.Random: lambda task, _: self.resume(task, self.random()),
            e.Token: lambda task, _: self.resume(task, self.token()),
            e.Sleep: lambda task, effect: self.after(effect.seconds, self.resume, task),
            e.Together: self._together,
            e.Hedged: self._hedged,
        }

    def token(self) -> str:
        """Return a text that was never given before."""
        self._tokens += 1
        return f"t{self._tokens}"

    def note(self, *words: object) -> None:
        """Add a line to the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.now:12.3f}  {' '.join(map(str, words))}")

    def after(self, delay: float, call: Callable[..., None], *arguments: Any) -> None:
        """Call later."""
        self._sequence += 1
        heapq.heappush(self._heap, (self.now + delay, self._sequence, call, arguments))

    def run(self, until: float) -> None:
        """Process events up to a time."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, call, arguments = heapq.heappop(heap)
            call(*arguments)
        self.now = max(self.now, until)

    def drain(self) -> None:
        """Process all events."""
        while self._heap:
            self.run(self._heap[0][0])

    def spawn(self, process: Process, generator: Any, done: Done, request: Any = None) -> None:
        """Run a generator; ``done`` gets its result or error, or is never called when the process crashes."""
        self.resume(Task(process, generator, done, request))

    def resume(self, task: Task, value: Any = None, error: ProtocolError | None = None) -> None:
        """Go on with a task until its next effect, and perform that."""
        process = task.process
        if not process.alive:
            return
        if process.paused_until > self.now:
            self.after(process.paused_until - self.now, self.resume, task, value, error)
            return
        try:
            effect = task.generator.send(value) if error is None else task.generator.throw(error)
        except StopIteration as end:
            task.done(end.value, None)
            return
        except ProtocolError as failure:
            task.done(None, failure)
            return
        self._perform(task, effect)

    def _perform(self, task: Task, effect: Any) -> None:
        self.effects += 1
        if self.effects in self.crashes_at:
            if self.crashes_at[self.effects]:
                # The effect is applied; nobody gets its result.
                self.handlers[type(effect)](task, effect)
            self.crash(task.process, f"at {type(effect).__name__}")
            return
        self.handlers[type(effect)](task, effect)

    def crash(self, process: Process, reason: str) -> None:
        """End a process at once."""
        if not process.alive:
            return
        self.note(process.name, "crashes", reason)
        process.alive = False
        if process.on_crash is not None:
            process.on_crash()

    def _together(self, task: Task, effect: e.Together) -> None:
        results: list[Any] = [StillRunning("it runs") for _ in effect.steps]
        state = {"open": len(results), "good": 0, "over": False}
        enough = len(results) + 1 if effect.enough is None else effect.enough

        def end(number: int, value: Any, error: ProtocolError | None) -> None:
            results[number] = value if error is None else error
            state["open"] -= 1
            state["good"] += error is None
            finish()

        def finish() -> None:
            if not state["over"] and (state["open"] == 0 or state["good"] >= enough):
                state["over"] = True
                self.resume(task, list(results))

        if not effect.steps:
            finish()
        for number, step in enumerate(effect.steps):
            self.spawn(task.process, step, lambda value, error, number=number: end(number, value, error), task.request)

    def _hedged(self, task: Task, effect: e.Hedged) -> None:
        _Hedge(self, task, effect)


class _Hedge:
    """Two steps of which the first success counts; when both fail, the error of the later one does."""

    __slots__ = ("effect", "error", "kernel", "later_began", "open", "over", "task")

    def __init__(self, kernel: Kernel, task: Task, effect: e.Hedged) -> None:
        self.kernel, self.task, self.effect = kernel, task, effect
        self.later_began = self.over = False
        self.open = 1
        self.error: ProtocolError | None = None
        kernel.after(effect.after, self._begin_later)
        kernel.spawn(task.process, effect.first, self._end_first, task.request)

    def _begin_later(self) -> None:
        if not self.over and not self.later_began:
            self.later_began = True
            self.open += 1
            self.kernel.spawn(self.task.process, self.effect.later, self._end_later, self.task.request)

    def _end_first(self, value: Any, error: ProtocolError | None) -> None:
        if error is not None:
            self.error = self.error or error
            self._begin_later()
        self._end(value, error)

    def _end_later(self, value: Any, error: ProtocolError | None) -> None:
        self.error = error
        self._end(value, error)

    def _end(self, value: Any, error: ProtocolError | None) -> None:
        self.open -= 1
        if self.over:
            return
        if error is None:
            self.over = True
            self.kernel.resume(self.task, value)
        elif self.open == 0:
            self.over = True
            self.kernel.resume(self.task, None, self.error)
