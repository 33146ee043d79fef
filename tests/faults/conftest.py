"""A folder in memory: a killed process loses nothing that it wrote, so the disk's speed need not be paid for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    fast = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="files-faults-", dir=fast) as name:
        yield Path(name)
