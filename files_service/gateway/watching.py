"""Watching of requests: one that runs is cancelled soon after it has lost its permission."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from files_service.errors import FilesError
from files_service.gateway.state import Gateway

logger = logging.getLogger(__name__)

# With the time for which an answer of the store is reused, what was revoked is served for less than a second.
LOOK_SECONDS = 0.3
# Looks that may fail one after another by a fault of ours: what nobody can look at is not served on.
MOST_FAULTS = 5


@asynccontextmanager
async def watching_while(gateway: Gateway, holds: Callable[[], bool], ended: FilesError) -> AsyncIterator[None]:
    """Cancel the block, with the error ``ended``, soon after ``holds``, which runs in a thread, says False.

    A look that fails is repeated; too many that fail by a fault of ours end the block, too.
    """
    task = asyncio.current_task()
    assert task is not None
    has_ended = False

    async def watch() -> None:
        nonlocal has_ended
        faults = 0
        while not has_ended:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                has_ended, faults = not await gateway.calls.run(holds), 0
            except FilesError:
                # The store does not answer: the next look decides.
                continue
            except Exception:
                logger.exception("look at a permission failed")
                faults += 1
                has_ended = faults >= MOST_FAULTS
        task.cancel()

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
