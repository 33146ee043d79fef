"""What these tests share: a clock, and a core that goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.core import Core
from tests.clocks import Clock
from tests.cores import memory_core


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(tmp_path: Path, clock: Clock) -> Iterator[Core]:
    opened = memory_core(tmp_path, max_attempts=3, lease_seconds=60)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()
