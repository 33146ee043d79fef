"""Workers whose files are in CouchDB keep its indexes up to date: one of them does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.core import Core
from files_service.services.opening import open_core
from files_service.worker.index_builder import RETRY_SECONDS, LeasedIndexBuilder
from files_service.worker.run import Worker
from storage_adapters import SupportsDesigns
from tests.cores import memory_core, settings_for
from tests.indexes import noted_builds
from tests.publishers import Collector

pytestmark = pytest.mark.timeout(600)

SECONDS = 300


@pytest.fixture
def couchdb_core(tmp_path: Path, couchdb_url: str) -> Iterator[Core]:
    core = open_core(settings_for(tmp_path, FILES_METADATA_URL=couchdb_url))
    yield core
    core.close()


def test_one_worker_of_two_brings_all_indexes_up_to_date(couchdb_core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    store = couchdb_core.metadata
    assert isinstance(store, SupportsDesigns)
    asked = noted_builds(monkeypatch, store)
    names = store.designs()[1]
    worker = Worker(couchdb_core, Collector())
    worker.start()
    try:
        end = time.monotonic() + SECONDS
        while len(asked) < 2 * len(names) and time.monotonic() < end:
            time.sleep(0.01)
        assert asked[: 2 * len(names)] == 2 * names
        other = LeasedIndexBuilder(couchdb_core, store, holder="other")
        assert other.step() == RETRY_SECONDS
        assert worker.failing() == []
    finally:
        assert worker.stop(SECONDS)
    assert other.step() < RETRY_SECONDS, "the right was not given up"


def test_a_store_whose_indexes_are_written_with_the_record_needs_none_of_it(tmp_path: Path) -> None:
    core = memory_core(tmp_path)
    assert "warming" not in [loop.name for loop in Worker(core, Collector()).loops]
    core.close()
