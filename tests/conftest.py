"""What all tests share."""

from __future__ import annotations

import hypothesis
import pytest

from tests.secrets_in_logs import WATCH, LogWatch
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

# How long an example takes says nothing where other processes compute as well.
hypothesis.settings.register_profile("files", deadline=None)
hypothesis.settings.load_profile("files")


def pytest_configure() -> None:
    """Watch the logs from the beginning."""
    WATCH.start()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Watch what children write where the tests themselves do."""
    WATCH.look_at_report(report)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what looks back on the whole run come last."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def log_watch() -> LogWatch:
    """What was found in the logs of this process, and in what children wrote to it."""
    return WATCH
