"""Memory that is full of clean pages, as that of a machine that has run for a while.

A virtual machine may get its memory from the host at the first touch, and give it back when it is free: to write a
gigabyte of new pages then costs two seconds of a processor, five times as much as to write it to pages in use. Without
this, figures depend on what ran before.
"""

from __future__ import annotations

import os
from pathlib import Path

_BLOCK = 4 << 20
# Left for the processes that are measured.
_SPARE_BYTES = 2 * 10**9


class FullMemory:
    """A file as long as the memory that is not in use, in a folder; it goes with the folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "filling"
        with self._path.open("wb") as file:
            for _ in range(max(0, _available() - _SPARE_BYTES) // _BLOCK):
                file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())

    def fill(self) -> None:
        """Read the file into memory that is free."""
        buffer = bytearray(_BLOCK)
        with self._path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def _available() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
