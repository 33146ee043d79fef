"""Threads that run calls for callers who may stop waiting."""

from __future__ import annotations

import threading
from _queue import SimpleQueue  # the native queue, even in a process that eventlet patched
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


class Call(Generic[T]):
    """One started call."""

    __slots__ = ("_context", "_done", "_error", "_function", "_result")

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._context = copy_context()
        self._done = threading.Event()
        self._result: list[T] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call; keep its result or exception."""
        try:
            self._result.append(self._context.run(self._function))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._error = error
        finally:
            self._done.set()

    def is_over(self) -> bool:
        """Return True when the call has returned or raised."""
        return self._done.is_set()

    def result(self, timeout_seconds: float) -> T:
        """Return or raise the result of the call. Raises TimeoutError when it takes longer; the call goes on."""
        if not self._done.wait(timeout_seconds):
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result[0]


class Executor:
    """Up to ``limit`` daemon threads, started on demand."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._limit = limit
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0
        self._calls: SimpleQueue[Call[object] | None] = SimpleQueue()

    def begin(self, function: Callable[[], T]) -> Call[T]:
        """Start a call, or queue it while all threads are busy. Raises RuntimeError when no thread can be started."""
        call = Call(function)
        with self._lock:
            self._unfinished += 1
            is_thread_missing = self._threads < min(self._unfinished, self._limit)
            self._threads += is_thread_missing
            number = self._threads
        if is_thread_missing:
            self._start(number)
        self._calls.put(call)  # type: ignore[arg-type]  # what a call returns is its caller's affair
        return call

    def _start(self, number: int) -> None:
        try:
            threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()
        except RuntimeError:
            # Otherwise later calls would wait for this thread.
            with self._lock:
                self._unfinished -= 1
                self._threads = max(0, self._threads - 1)
            raise

    def close(self) -> None:
        """Let the threads end after the queued calls."""
        with self._lock:
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call.run()
            del call  # otherwise an idle thread would keep the last result alive
            with self._lock:
                self._unfinished -= 1
