"""Retry of calls that a store could not answer, with growing pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from files_service.runtime.backoff import delay_after
from storage_adapters import NoStore, SchemaMismatch, StorageUnavailable

logger = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0

T = TypeVar("T")


class Stopped(Exception):
    """The process must stop before the call has succeeded."""


class Retry:
    """Retries of a call until the store is back: for ever, or ``patience_seconds`` from a series' first failure.

    Patience does not help where there is no store, or one with another schema: somebody has to do something first. The
    first failure of a series that is retried is logged, and its end.
    """

    def __init__(
        self,
        stopping: threading.Event,
        *,
        patience_seconds: float | None = None,
        on_failure: Callable[[], None] = lambda: None,
    ) -> None:
        self.stopping = stopping
        self._patience_seconds = patience_seconds
        self._on_failure = on_failure
        self._failures = 0
        self._since = 0.0

    def call(self, function: Callable[[], T]) -> T:
        """Return what the function returns, once the store is available. Raises Stopped, or what ends the patience."""
        while not self.stopping.is_set():
            try:
                result = function()
            except StorageUnavailable as error:
                self._fail(error)
            else:
                self._succeed()
                return result
        raise Stopped

    def _fail(self, error: StorageUnavailable) -> None:
        self._on_failure()
        self._since = self._since if self._failures else time.monotonic()
        patience = self._patience_seconds
        is_hopeless = isinstance(error, (NoStore, SchemaMismatch))
        if patience is not None and (is_hopeless or time.monotonic() - self._since >= patience):
            raise error
        if not self._failures:
            logger.warning("a store is unavailable", extra={"error": str(error)})
        self._failures += 1
        self.stopping.wait(delay_after(self._failures, first=FIRST_DELAY_SECONDS, longest=LONGEST_DELAY_SECONDS))

    def _succeed(self) -> None:
        if self._failures:
            seconds = round(time.monotonic() - self._since, 1)
            logger.info("the stores answer again", extra={"failures": self._failures, "seconds": seconds})
            self._failures = 0
