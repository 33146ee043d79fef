"""Gateways with people: cheap hashes, because the cost of a hash is not the subject."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.serving import Served, serving
from tests.people.persons import open_people


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A gateway at which people may register."""
    with serving(open_people(tmp_path)) as served:
        yield served
