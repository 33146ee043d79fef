"""Selection and order of the tests of a run, by their module."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import chain
from zlib import crc32

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
            r"tests/integration/test_amqp_nameko_run\.py::.*\[(sqlite-nameko run|memory-files rpc)",
            r"tests/integration/test_two_stores\.py::test_a_list_store_that_was_made_anew",
            r"tests/pages/test_plenty\.py::test_a_gallery_of_ten_thousand_.*\[viewport[12]\]",
            r"tests/pages/test_budgets\.py::test_nothing_moves_.*\[viewport1\]",
            r"tests/integration/test_packages\.py::test_the_source_archive",
            r"tests/unit/test_unicode_text\.py::test_every_code_point_.*\[as a newer one-(search|tag)_form",
            _COUCHDB + r"every_field_sorts_both_ways_in_pages_of_any_size\[(1|2|40)-",
            _COUCHDB + r"a_bounded_walk_finds_all_the_same\[(1|40)-",
            _COUCHDB + r"pages_of_any_length_give_each_file_and_folder_once\[.*-[135]\]",
        )
    )
)

# Each question to the stand-in for CouchDB takes it ten times as long as another store: of the cases of one test, a day
# takes every third, another one for other tests. The points at which a writer can die are taken whole.
THINNED = re.compile(
    r"tests/.*::(TestCouch\w+::.*\[|.*\[.*couchdb(?!:))|tests/(adapters/test_couchdb_o|faults/test_list_s).*\["
)
TAKEN = 3

# What takes long begins first, so that no process waits for another at the end.
LONG = (
    *("tests/integration/", "tests/pages/", "tests/faults/", "tests/docs/test_m", "tests/docs/test_readme.py"),
    *(
        "tests/people/matrix/",
        "tests/gateway/test_fuzz.py",
        "tests/syncer/",
        "tests/migrations/",
        "tests/adapters/test_couchdb_",
        "tests/adapters/test_diff",
    ),
    *("tests/adapters/", "tests/gateway/"),
)


def is_quick(item: pytest.Item) -> bool:
    """Return whether a test needs no server and little time."""
    needs: list[str] = getattr(item, "fixturenames", [])
    return item.nodeid.startswith(QUICK) and not item.nodeid.startswith(NOT_QUICK) and SERVERS.isdisjoint(needs)


def is_nightly(item: pytest.Item) -> bool:
    """Return whether only the nightly run takes a test."""
    return item.get_closest_marker("nightly") is not None or NIGHTLY_CASES.match(item.nodeid) is not None


def of_other_days(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the cases of the slow server that only the nightly run takes."""
    cases: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if THINNED.match(item.nodeid):
            cases[item.nodeid.partition("[")[0]].append(item)
    return list(chain.from_iterable(_not_taken(name, found) for name, found in cases.items()))


def _not_taken(name: str, cases: list[pytest.Item]) -> list[pytest.Item]:
    step = min(TAKEN, len(cases))
    first = crc32(name.encode()) % step
    return [case for place, case in enumerate(cases) if place % step != first]


def rank(item: pytest.Item) -> int:
    """Return the place of a test in the order of a run."""
    return next((place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))
