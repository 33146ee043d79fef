"""Folders of the tests: in memory where there is room, because a killed process loses nothing that it wrote.

What is tested is then never slowed by the disk. Tests about the disk take ``disk_path``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.secrets_in_logs import proofs_in_files

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 * 2**30
# The variable by which pytest is told where its folders are.
ROOT = "PYTEST_DEBUG_TEMPROOT"


def use_memory() -> None:
    """Put the folders of this run and of its workers into memory, unless they are told to be elsewhere."""
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
        os.environ.setdefault(ROOT, str(MEMORY))


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """The folder of one test; no log in it may hold a secret."""
    yield tmp_path
    assert proofs_in_files(tmp_path) == []


@pytest.fixture
def disk_path() -> Iterator[Path]:
    """A folder that is not in memory, if the machine has a disk."""
    with tempfile.TemporaryDirectory(prefix="files-test-") as name:
        yield Path(name)
