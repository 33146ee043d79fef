"""What unit tests share: a core in memory, and a cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from tests.cores import memory_core
from tests.fakes.pubsub.admin import FakeCloud


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    """A core whose stores keep everything in memory."""
    opened = memory_core(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    """A Google Cloud on loopback with an empty bucket ``files``."""
    with FakeCloud() as cloud:
        cloud.make_bucket("files")
        yield cloud
