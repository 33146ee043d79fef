"""Thread pools that run the synchronous core for the event loop, and share their threads among the callers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from files_service.errors import storage_errors_as_files_errors
from files_service.runtime.fair_queue import FairQueue

P = ParamSpec("P")
T = TypeVar("T")

# The owner or peer for whom a request is answered; "" in tasks of the gateway itself.
HOLDER: ContextVar[str] = ContextVar("holder", default="")


class _Call:
    """A call that waits for a thread, and the future of its result."""

    __slots__ = ("result", "run")

    def __init__(self, run: Callable[[], Any], result: asyncio.Future[Any]) -> None:
        self.run, self.result = run, result


class Threads:
    """A bounded pool for one event loop. The holder with the fewest running calls is next.

    No holder has more than ``most_of_one`` threads, by default all.
    """

    def __init__(self, name: str, threads: int, *, most_of_one: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._queue: FairQueue[_Call] = FairQueue(most_of_one or threads)
        self._free = threads
        self._waiting: set[asyncio.Future[Any]] = set()
        self._closed = False

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Run the function in a thread, in the turn of its ``HOLDER``. See ``submit``."""
        if self._closed:
            raise RuntimeError("the threads are closed")
        result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.add(result)
        self._queue.put(HOLDER.get(), _Call(_in_context(function, *args, **kwargs), result))
        self._start()
        return result

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in a thread and wait for it. See ``submit``."""
        return await self.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Let running calls end and drop those that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._closed = True
        for result in self._waiting:
            result.cancel()

    def _start(self) -> None:
        while self._free and not self._closed and (taken := self._queue.take()) is not None:
            holder, call = taken
            self._waiting.discard(call.result)
            if call.result.done():
                # Its caller is gone.
                self._queue.done(holder)
                continue
            self._free -= 1
            running = asyncio.get_running_loop().run_in_executor(self._pool, call.run)
            running.add_done_callback(partial(self._end, holder, call.result))

    def _end(self, holder: str, result: asyncio.Future[Any], running: asyncio.Future[Any]) -> None:
        self._free += 1
        self._queue.done(holder)
        if running.cancelled():
            result.cancel()
        elif result.done():
            # Nobody waits for it; a failure of it is not reported.
            running.exception()
        elif (error := running.exception()) is not None:
            result.set_exception(error)
        else:
            result.set_result(running.result())
        self._start()


def submit(pool: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Start a function in a thread, with the caller's context (the request id).

    Storage errors are raised as the FilesErrors that callers see.
    """
    return asyncio.get_running_loop().run_in_executor(pool, _in_context(function, *args, **kwargs))


def _in_context(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    context = copy_context()

    def run() -> T:
        with storage_errors_as_files_errors():
            return context.run(function, *args, **kwargs)

    return run
