"""What the tests of versions share: a core in memory, at a time of its own."""

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
    opened = memory_core(tmp_path, max_versions=4, kept_versions=2, kept_versions_days=10, owner_quota_bytes=10**9)
    yield replace(opened, clock=clock, timer=clock)
    opened.close()
