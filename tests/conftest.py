"""What all tests share."""

from __future__ import annotations

import gc
import logging
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import pytest

from tests.folders import disk_path, tmp_path, use_memory  # noqa: F401 - fixtures
from tests.scale import NIGHTLY, load_profile
from tests.secrets_in_logs import WATCH, WatchedRun
from tests.selection import is_nightly, is_quick, of_other_days, rank
from tests.servers.fixtures import (  # noqa: F401 - fixtures
    amqp_uri,
    couchdb_server_url,
    couchdb_url,
    own_broker,
    own_couchdb,
    own_redis,
    own_seaweedfs,
    redis_server_url,
    redis_url,
    rpc_service,
    s3_url,
    seaweedfs,
    second_broker,
)

# Failures outside of test modules show their values only when these are rewritten like test modules.
pytest.register_assert_rewrite("tests.contract", "tests.unit.sync.scenes")

load_profile()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the logs from the beginning."""
    use_memory()
    WATCH.start()
    config.pluginmanager.register(WatchedRun(WATCH))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is quick, leave out what is for the night, and let what takes long begin first."""
    for item in items:
        if is_quick(item):
            item.add_marker("quick")
    if not NIGHTLY:
        _leave_out(config, items, filter(is_nightly, items))
        _leave_out(config, items, of_other_days(items))
    items.sort(key=rank)


def _leave_out(config: pytest.Config, items: list[pytest.Item], left: Iterable[pytest.Item]) -> None:
    gone = set(left)
    config.hook.pytest_deselected(items=list(gone))
    items[:] = (item for item in items if item not in gone)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected from the garbage collector, which would look at all of it again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Take back what a test sets up: a handler of one test would write into what another one captures."""
    root = logging.getLogger()
    level = root.level
    before = list(root.handlers)
    yield
    root.setLevel(level)
    # What pytest itself adds during a test it also removes.
    for handler in [
        each for each in root.handlers if each not in before and type(each).__module__.startswith("files_service")
    ]:
        root.removeHandler(handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Distribute the tests by what they share."""
    from tests.scheduling import Scheduling

    return Scheduling(config, log)
