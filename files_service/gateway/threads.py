"""Thread pools that run the synchronous core for the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

from files_service.errors import storage_errors_as_files_errors

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A bounded pool."""

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def submit(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Start the function in a thread. See ``submit``."""
        return submit(self._pool, function, *args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run the function in a thread and wait for it. See ``submit``."""
        return await self.submit(function, *args, **kwargs)

    def close(self) -> None:
        """Let running calls end and drop those that have not begun."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def submit(pool: Executor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Start a function in a thread, with the caller's context (the request id).

    Storage errors are raised as the FilesErrors that callers see.
    """
    context = copy_context()

    def run() -> T:
        with storage_errors_as_files_errors():
            return context.run(function, *args, **kwargs)

    return asyncio.get_running_loop().run_in_executor(pool, run)
