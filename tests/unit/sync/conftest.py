"""A core with short times, and its clock."""

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
    opened = memory_core(tmp_path, lease_seconds=60, upload_ttl_seconds=3_600, max_attempts=2)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()
