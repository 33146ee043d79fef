"""A clock of a test's own."""

from __future__ import annotations

import pytest

from tests.clocks import Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until a test puts it forward."""
    return Clock()
