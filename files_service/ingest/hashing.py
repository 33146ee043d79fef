"""Hashes of a file that is read once: SHA-256 of each block, and SHA-256 and xxh64 of the whole."""

from __future__ import annotations

import asyncio
import hashlib
from concurrent.futures import Executor
from functools import partial

import xxhash

from files_service.ingest.threads import in_thread
from files_service.ingest.transports.transport import Block


class WholeHash:
    """Hashes of the bytes from the beginning of a file on. ``end`` is the end of what was hashed."""

    def __init__(self) -> None:
        self.end = 0
        self._sha256, self._xxh64 = hashlib.sha256(), xxhash.xxh64()
        self._turn = asyncio.Lock()

    async def feed(self, block: Block, pool: Executor, *, alone: bool = True) -> str:
        """Hash a block in a thread, in the order of the calls; return its SHA-256, "" without ``alone``.

        A block that was hashed before, and is sent again, does not count twice.
        """
        async with self._turn:
            return await in_thread(pool, partial(self._feed, block, alone=alone))

    def _feed(self, block: Block, *, alone: bool) -> str:
        data = block.data
        if block.offset == self.end:
            # The hash of a first block is that of the whole so far, at the price of one.
            self._sha256.update(data)
            self._xxh64.update(data)
            self.end += len(data)
            if block.offset == 0 and alone:
                return self._sha256.hexdigest()
        return hashlib.sha256(data).hexdigest() if alone else ""

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes so far."""
        return self._sha256.hexdigest()

    @property
    def xxh64(self) -> str:
        """The xxh64 of all bytes so far."""
        return self._xxh64.hexdigest()
