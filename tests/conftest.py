"""What all tests share."""

from __future__ import annotations

import pytest

from tests.servers.fixtures import amqp_uri, own_broker, rpc_service  # noqa: F401 - fixtures

# Failures inside the contract suites show their values only when the suites are rewritten like test modules.
pytest.register_assert_rewrite("tests.contract")
