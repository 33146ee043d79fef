"""A folder for what is killed."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A killed process loses nothing that it wrote, so the folder may be in memory."""
    return tmp_path
