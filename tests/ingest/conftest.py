"""A gateway to which cards are brought."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cores import memory_core
from tests.gateway.serving import Served, serving
from tests.ingest.bringing import CHUNK


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway with small chunks, on memory stores."""
    with serving(memory_core(tmp_path / "data", chunk_bytes=CHUNK)) as found:
        yield found
