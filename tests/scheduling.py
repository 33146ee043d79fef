"""Distribution of the tests over the processes of pytest-xdist.

A module stays together, because its tests share what it started. One whose tests share nothing and take long is split.
The modules that need RabbitMQ stay together, so that one process starts it: it takes longer than any other server.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

SPLIT = (
    *("tests/faults/test_killed_actions.py", "tests/adapters/test_differential_listing.py"),
    *("tests/migrations/test_ms_files_import.py", "tests/migrations/test_steps.py", "tests/syncer/test_parity.py"),
    *("tests/adapters/test_couchdb_metadata.py", "tests/adapters/test_couchdb_outages.py"),
    *("tests/adapters/test_documents.py", "tests/adapters/test_couchdb_uploads.py"),
    *("tests/faults/test_list_store_outages.py", "tests/integration/test_two_stores.py"),
)
BROKER = (
    *("tests/integration/test_amqp_", "tests/integration/test_broker_", "tests/integration/test_rpc_process.py"),
    *("tests/integration/test_up.py", "tests/integration/test_webhook_storm.py", "tests/gateway/test_operation.py"),
    "tests/docs/test_queue_page.py",
)


class Scheduling(LoadScopeScheduling):
    """Hands out groups of tests in their order, each to the next process that has nothing to do."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if module.startswith(BROKER):
            return "broker"
        return nodeid if module in SPLIT else module
