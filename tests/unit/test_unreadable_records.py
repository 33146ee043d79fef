"""Files that a list passes over are counted and logged."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from files_service.core import Core
from files_service.services.listing.metrics import ListsCollector
from files_service.services.listing.router import SHOWN_IDS
from storage_adapters import SupportsReplication
from tests.contract.metadata_scenes import NOW, make_record
from tests.cores import call, processed_file, sqlite_core


class Strange(StrEnum):
    """A status of a later version."""

    ARCHIVED = "archived"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = sqlite_core(tmp_path)
    yield opened
    opened.close()


def counted(core: Core) -> float | None:
    registry = CollectorRegistry()
    registry.register(ListsCollector(core.lists))
    return registry.get_sample_value("files_unreadable_records_total")


def add_strange(core: Core, number: int) -> None:
    assert isinstance(core.metadata, SupportsReplication)
    core.metadata.replicate(
        [
            make_record(f"f{index}", revision=1, status=Strange.ARCHIVED, uploaded_at=NOW, tags=("a",))
            for index in range(number)
        ]
    )


def test_a_list_that_passes_over_files_says_so_once(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    processed_file(core)
    call(core, "files.list")
    assert (counted(core), caplog.records) == (0, [])
    add_strange(core, SHOWN_IDS + 5)
    assert len(call(core, "files.list", limit=100)["files"]) == 1
    [line] = caplog.records
    assert vars(line)["files"] == SHOWN_IDS + 5
    assert len(vars(line)["file_ids"]) == SHOWN_IDS
    assert counted(core) == SHOWN_IDS + 5


@pytest.mark.parametrize("method", ["files.sync", "files.tag.access"])
def test_other_walks_over_files_say_so_too(core: Core, caplog: pytest.LogCaptureFixture, method: str) -> None:
    add_strange(core, 1)
    params: dict[str, Any] = {
        "files.sync": {"deep": True},
        "files.tag.access": {"owner": "ann", "tag": "a", "access": "private"},
    }
    call(core, method, **params[method])
    assert (counted(core) or 0) >= 1
    assert {tuple(vars(line)["file_ids"]) for line in caplog.records} == {("f0",)}
