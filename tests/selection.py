"""Selection and order of the tests of a run, by their module."""

from __future__ import annotations

import pytest

# Pure, on memory, or on SQLite and local files.
QUICK = (
    *("tests/unit/", "tests/docs/", "tests/adapters/test_registry.py"),
    *(f"tests/adapters/test_{kind}_" for kind in ("memory", "sqlite", "local")),
)
# What starts processes, or takes every point at which one can die.
NOT_QUICK = (
    *("tests/docs/test_readme.py", "tests/docs/test_migrations_page.py", "tests/unit/test_mhl.py"),
    *("tests/unit/cards/test_proofs.py", "tests/unit/cards/test_commands.py::test_an_exported_tree"),
    *(
        f"tests/adapters/test_{name}.py"
        for name in ("sqlite_processes", "sqlite_work", "local_processes", "local_crashes")
    ),
)
SERVERS = {
    *("redis_server_url", "couchdb_server_url", "amqp_uri", "own_redis", "own_couchdb", "second_broker"),
    *("seaweedfs", "own_seaweedfs"),
}

# What takes long begins first, so that no process waits for another at the end.
LONG = (
    *("tests/integration/", "tests/pages/", "tests/faults/", "tests/docs/test_m", "tests/docs/test_readme.py"),
    *("tests/syncer/", "tests/migrations/", "tests/adapters/test_couchdb_", "tests/adapters/test_diff"),
    *("tests/adapters/", "tests/gateway/test_fuzz.py", "tests/gateway/"),
)


def is_quick(item: pytest.Item) -> bool:
    """Return whether a test needs no server and little time."""
    needs: list[str] = getattr(item, "fixturenames", [])
    return item.nodeid.startswith(QUICK) and not item.nodeid.startswith(NOT_QUICK) and SERVERS.isdisjoint(needs)


def rank(item: pytest.Item) -> int:
    """Return the place of a test in the order of a run."""
    return next((place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))
