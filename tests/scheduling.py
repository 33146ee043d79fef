"""Distribution of the tests over the processes of pytest-xdist.

A module stays together, because its tests share what it started. One whose tests share nothing and take long is split.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SPLIT = (
    *("tests/faults/test_killed_actions.py", "tests/adapters/test_differential_listing.py"),
    *("tests/migrations/test_ms_files_import.py", "tests/migrations/test_steps.py", "tests/syncer/test_parity.py"),
)


class Scheduling(LoadScopeScheduling):
    """Hands out groups of tests in their order, each to the next process that has nothing to do."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if module in SPLIT else module
