"""What all tests share."""

from __future__ import annotations

import pytest

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

# Failures inside the contract suites show their values only when the suites are rewritten like test modules.
pytest.register_assert_rewrite("tests.contract")
