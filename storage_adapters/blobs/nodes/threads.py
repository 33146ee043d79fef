"""Driver of the rules of an adapter: performs their effects in threads of this process."""

from __future__ import annotations

import random
import secrets
import string
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import (
    Call,
    Effect,
    FetchLayout,
    Hedged,
    Now,
    Random,
    Sleep,
    Step,
    Together,
    Token,
    drive,
)
from storage_adapters.blobs.nodes.protocol.errors import ProtocolError, StillRunning
from storage_adapters.blobs.nodes.protocol.layout import Layout

T = TypeVar("T")
# Steps wait for steps that they begin: there are always more threads than steps.
THREADS = 1_024
_LETTERS = string.ascii_lowercase + string.digits


class ThreadDriver:
    """Steps in the calling thread, and those beside it in a pool.

    ``call`` reaches a node, ``fetch_layout`` a controller.
    """

    def __init__(
        self, call: Callable[[Call], m.Reply], fetch_layout: Callable[[], Layout], threads: int = THREADS
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="nodes")
        self._effects: dict[type[Effect], Callable[[Any], Any]] = {
            Call: call,
            FetchLayout: lambda _: fetch_layout(),
            Together: self._together,
            Hedged: self._hedged,
            Sleep: lambda effect: time.sleep(effect.seconds),
            Now: lambda _: time.monotonic(),
            Random: lambda _: random.random(),  # noqa: S311 - spreads load, hides nothing
            Token: lambda _: "".join(secrets.choice(_LETTERS) for _ in range(26)),
        }

    def run(self, step: Step[T]) -> T:
        """Perform the effects of a step and return its result. Raises the ProtocolError with which it ends."""
        return drive(step, lambda effect: self._effects[type(effect)](effect))

    def begin(self, step: Step[T]) -> Future[T]:
        """Run a step in the pool."""
        return self.submit(lambda: self.run(step))

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run a function in the pool; steps that it performs need threads, too."""
        return self._pool.submit(work)

    def close(self) -> None:
        """Begin no more steps; those that still run go on to their end."""
        self._pool.shutdown(wait=False)

    def _together(self, effect: Together) -> list[Any]:
        if len(effect.steps) == 1 and effect.enough is None:
            return [self._outcome_of(effect.steps[0])]
        running = [self.begin(step) for step in effect.steps]
        enough = len(running) if effect.enough is None else effect.enough
        pending = set(running)
        while pending and sum(_succeeded(each) for each in running) < enough:
            _, pending = wait(pending, return_when=FIRST_COMPLETED)
        return [_outcome(each) for each in running]

    def _hedged(self, effect: Hedged) -> Any:
        first = self.begin(effect.first)
        wait([first], timeout=effect.after)
        if _succeeded(first):
            return first.result()
        later = self.begin(effect.later)
        pending = {first, later}
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            for each in done:
                if _succeeded(each):
                    return each.result()
                _require_protocol_error(each)
        return later.result()

    def _outcome_of(self, step: Step[Any]) -> Any:
        try:
            return self.run(step)
        except ProtocolError as error:
            return error


def _succeeded(future: Future[Any]) -> bool:
    return future.done() and future.exception() is None


def _outcome(future: Future[Any]) -> Any:
    if not future.done():
        return StillRunning("the step has not ended")
    error = future.exception()
    if error is None:
        return future.result()
    _require_protocol_error(future)
    return error


def _require_protocol_error(future: Future[Any]) -> None:
    """Raise what is a defect, not an outcome."""
    error = future.exception()
    if error is not None and not isinstance(error, ProtocolError):
        raise error
