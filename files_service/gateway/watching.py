"""Watching of requests: one that runs is cancelled soon after it has lost its permission."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from files_service.errors import FilesError
from files_service.gateway.state import Gateway

# With the time for which an answer of the store is reused, what was revoked is served for less than a second.
LOOK_SECONDS = 0.3


@asynccontextmanager
async def watching_while(gateway: Gateway, holds: Callable[[], bool], ended: FilesError) -> AsyncIterator[None]:
    """Cancel the block, with the error ``ended``, soon after ``holds``, which runs in a thread, says False."""
    task = asyncio.current_task()
    assert task is not None
    has_ended = False

    async def watch() -> None:
        nonlocal has_ended
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                has_ended = not await gateway.calls.run(holds)
            except FilesError:
                # The store does not answer: the next look decides.
                continue
            if has_ended:
                task.cancel()
                return

    watcher = asyncio.ensure_future(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not has_ended:
            raise
        task.uncancel()
        raise ended from None
    finally:
        watcher.cancel()
