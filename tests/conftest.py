"""What all tests share."""

from __future__ import annotations

import pytest

from tests.secrets_in_logs import LogWatch
from tests.servers.fixtures import (  # noqa: F401 - fixtures
    amqp_uri,
    couchdb_server_url,
    couchdb_url,
    own_broker,
    own_couchdb,
    own_redis,
    redis_server_url,
    redis_url,
    rpc_service,
    second_broker,
)

# Failures outside of test modules show their values only when these are rewritten like test modules.
pytest.register_assert_rewrite("tests.contract", "tests.unit.sync.scenes")

WATCH = pytest.StashKey[LogWatch]()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the logs from the beginning."""
    config.stash[WATCH] = LogWatch()
    config.stash[WATCH].start()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what looks back on the whole run come last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def log_watch(pytestconfig: pytest.Config) -> LogWatch:
    """What was found in the logs of this process."""
    return pytestconfig.stash[WATCH]
