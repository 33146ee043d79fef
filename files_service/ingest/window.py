"""Memory of blocks that were read and have not left yet. Reading stops when it is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Lock

from files_service.ingest.reader import BLOCK_BYTES

FILE_BYTES = 16 * 1024 * 1024
ALL_BYTES = 64 * 1024 * 1024
# Cards are read in threads of their own, each with an event loop, so none can wake another.
_LOOK_SECONDS = 0.01


class Window:
    """Memory that all files of all cards share."""

    def __init__(self, size: int = ALL_BYTES) -> None:
        self._size, self._left, self._lock = size, size, Lock()

    def _take(self, size: int) -> bool:
        with self._lock:
            if self._left < size:
                return False
            self._left -= size
            return True

    def _give(self, size: int) -> None:
        with self._lock:
            self._left += size

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Wait for room and hold it for the duration of the block."""
        # A block that is longer than the whole window has it to itself.
        size = min(size, self._size)
        while not self._take(size):  # noqa: ASYNC110 - others are in other event loops
            await asyncio.sleep(_LOOK_SECONDS)
        try:
            yield
        finally:
            self._give(size)


ALL = Window()


def blocks_of_file(block_bytes: int = BLOCK_BYTES) -> int:
    """Return the number of blocks of one file that may be sent and not acknowledged."""
    return max(1, FILE_BYTES // block_bytes)
