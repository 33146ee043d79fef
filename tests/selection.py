"""Selection and order of the tests of a run, by their module."""

from __future__ import annotations

import re

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

# Cases of an enumeration that a slow server answers in the nightly run alone; the fast ones answer all in every run.
_COUCHDB = r"tests/adapters/test_couchdb_metadata\.py::TestCouchMetadataStore::test_"
NIGHTLY_CASES = re.compile(
    "|".join(
        (
            _COUCHDB + r"names_change_hands_in_any_order\[request_id",
            r"tests/adapters/test_documents\.py::TestCouch\w+::test_random_calls_have_.*\[[2-9]",
            r"tests/migrations/test_steps\.py::test_a_(run_that_is_killed_at_every|way_back_that_was_killed)_.*\[couchdb",
            r"tests/migrations/test_unicode\.py::test_(names_that_are_out_of_order|a_step_that_is_killed)_.*\[couchdb",
            r"tests/migrations/test_ms_files_import\.py::test_(an_import_that_is_killed|a_second_run)_.*\[couchdb",
            r"tests/unit/test_unicode_text\.py::test_every_code_point_.*\[as a newer one-tag_form",
            _COUCHDB + r"every_field_sorts_both_ways_in_pages_of_any_size\[(1|2|40)-",
            _COUCHDB + r"a_bounded_walk_finds_all_the_same\[(1|40)-",
            _COUCHDB + r"pages_of_any_length_give_each_file_and_folder_once\[.*-[135]\]",
        )
    )
)

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


def is_nightly(item: pytest.Item) -> bool:
    """Return whether only the nightly run takes a test."""
    return item.get_closest_marker("nightly") is not None or NIGHTLY_CASES.match(item.nodeid) is not None


def rank(item: pytest.Item) -> int:
    """Return the place of a test in the order of a run."""
    return next((place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))
