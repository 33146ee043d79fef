"""What all tests share."""

from __future__ import annotations

import pytest

# Failures inside the contract suites show their values only when the suites are rewritten like test modules.
pytest.register_assert_rewrite("tests.contract")
