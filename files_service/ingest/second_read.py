"""The second reading of a card: its bytes are read again, from the card and not from memory, and compared."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import get_native_id

import xxhash

from files_service.ingest.entries import Entry
from files_service.ingest.reader import BLOCK_BYTES, CardReader, Changed, Missing, OpenFile, Unreadable
from files_service.ingest.threads import in_thread
from storage_adapters import JSON

# The upload of another card, and everything else on the machine, goes first.
_NICENESS = 10
MOST_DIFFERING = 1_000


@dataclass
class SecondRead:
    """Outcome of a second reading; a file that could not be read to its end differs."""

    files: int = 0
    size: int = 0
    differing: list[str] = field(default_factory=list)

    def to_wire(self, *, full: bool) -> JSON:
        """Return the field of ``cards.progress``; ``full`` says that known files were read again, too."""
        return {
            "finished_at": time.time_ns() // 1_000_000,
            "files": self.files,
            "bytes": self.size,
            "differing": self.differing[:MOST_DIFFERING],
            "full": full,
        }


async def read_again(
    card: CardReader, entries: Sequence[tuple[str, Entry]], *, moved: Callable[[int], None]
) -> SecondRead:
    """Read files again, each by its path on the card, and compare them with their hashes. Raises DeviceGone."""
    outcome = SecondRead()
    moved(0)
    with ThreadPoolExecutor(1, "second-read", initializer=_be_nice) as pool:
        for path, entry in entries:
            if not await in_thread(pool, _is_same, card, path, entry):
                outcome.differing.append(entry.path)
            outcome.files += 1
            outcome.size += entry.size
            if entry.size:
                # Nothing means the beginning.
                moved(entry.size)
    return outcome


def hash_file(file: OpenFile, size: int) -> tuple[str, str]:
    """Return the SHA-256 and the xxh64 of a file, read from the card. Raises Unreadable, Changed, DeviceGone."""
    file.forget()
    file.read_ahead()
    sha256, xxh64 = hashlib.sha256(), xxhash.xxh64()
    buffer = memoryview(bytearray(min(size, BLOCK_BYTES)))
    for offset in range(0, size, BLOCK_BYTES):
        data = buffer[: min(BLOCK_BYTES, size - offset)]
        file.read(data, offset)
        file.forget(offset, len(data))
        sha256.update(data)
        xxh64.update(data)
    return sha256.hexdigest(), xxh64.hexdigest()


def _is_same(card: CardReader, path: str, entry: Entry) -> bool:
    try:
        with card.open(path) as file:
            state = file.state
            if (state.size, state.mtime_ns) != (entry.size, entry.mtime_ns):
                return False
            return hash_file(file, state.size) == (entry.sha256, entry.xxh64)
    except (Unreadable, Missing, Changed):
        return False


def _be_nice() -> None:
    if sys.platform == "linux":
        # On Linux a thread has a priority of its own.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), _NICENESS)
