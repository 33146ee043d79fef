"""What unit tests share: a core in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from tests.cores import memory_core


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A core whose stores keep everything in memory."""
    opened = memory_core(tmp_path)
    yield opened
    opened.close()
