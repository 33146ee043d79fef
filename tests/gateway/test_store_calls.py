"""How often one request asks the metadata store: each is a round trip where the store is a server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from files_service.worker.processor import Processor
from storage_adapters import FileStatus, MetadataStore, SupportsUploads
from storage_adapters.metadata.memory import MemoryMetadataStore
from storage_adapters.metadata.sqlite import SqliteMetadataStore
from tests.cores import sqlite_core
from tests.gateway.owners import bearer
from tests.gateway.serving import Served, serving
from tests.gateway.tus import CONTENT, content_of, file_id_of, made, patch

# The readiness of the store is asked for by a timer.
_CALLS = {name for port in (MetadataStore, SupportsUploads) for name in vars(port) if name[0] != "_"} - {"ping"}


class Counted:
    """A store that notes which methods of its ports are asked for, and is what it was otherwise."""

    def __init__(self, *arguments: Any) -> None:
        self.calls: list[str] = []
        super().__init__(*arguments)

    def __getattribute__(self, name: str) -> Any:
        if name in _CALLS:
            self.calls.append(name)
        return super().__getattribute__(name)


class CountedMemoryStore(Counted, MemoryMetadataStore):
    """Counts, in memory."""


class CountedSqliteStore(Counted, SqliteMetadataStore):
    """Counts, in SQLite."""


@pytest.fixture(params=["memory", "sqlite"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    core = sqlite_core(tmp_path)
    core.metadata.close()
    store = CountedMemoryStore() if request.param == "memory" else CountedSqliteStore(tmp_path / "counted.db")
    with serving(replace(core, metadata=store)) as served:
        yield served


def calls(served: Served) -> list[str]:
    """The calls since the last time."""
    store = served.core.metadata
    assert isinstance(store, Counted)
    seen, store.calls = store.calls, []
    return seen


def test_five_megabytes_by_tus_take_eight_calls(served: Served) -> None:
    content = CONTENT[:5_000_000]
    url = made(served, len(content))
    calls(served)
    assert patch(served, url, 0, content).status == 204
    seen = calls(served)
    # Two chunks are reserved and named; the upload and its file are read once, sealed and saved.
    assert sorted(seen) == sorted(
        ["get", "get_upload", *["reserve_chunks", "append_chunks"] * 2, "seal_upload", "save"]
    )
    assert content_of(served, url) == content


def test_bytes_that_go_on_with_an_upload_take_four_calls(served: Served) -> None:
    url = made(served)
    assert patch(served, url, 0, CONTENT[:100]).status == 204
    calls(served)
    assert patch(served, url, 100, CONTENT[100:200]).status == 204
    assert calls(served) == ["get", "get_upload", "reserve_chunks", "append_chunks"]


def test_a_file_is_processed_in_seven_calls(served: Served) -> None:
    url = made(served, 5_000_000)
    assert patch(served, url, 0, CONTENT[:5_000_000]).status == 204
    processor = Processor(served.core)
    calls(served)
    processor.step()
    assert processor.work()
    seen = calls(served)
    # What waits is looked for under three statuses; the manifest is read, and its first chunk for the content type.
    assert seen == ["find", "find", "find", "save", "get_upload", "list_chunks", "save"]
    assert served.core.metadata.get(file_id_of(url)).status is FileStatus.PROCESSED


def test_a_file_that_changed_since_it_was_found_is_processed_all_the_same(served: Served) -> None:
    url = made(served, 1_000)
    assert patch(served, url, 0, CONTENT[:1_000]).status == 204
    processor = Processor(served.core)
    processor.step()
    served.result("files.update", file_id=file_id_of(url), changes={"name": "renamed"})
    assert processor.work()
    record = served.core.metadata.get(file_id_of(url))
    assert (record.status, record.name) == (FileStatus.PROCESSED, "renamed")


def test_a_file_that_was_processed_since_it_was_found_is_left_alone(served: Served) -> None:
    url = made(served, 1_000)
    assert patch(served, url, 0, CONTENT[:1_000]).status == 204
    processor = Processor(served.core)
    processor.step()
    done = served.result("files.process", file_id=file_id_of(url))
    assert processor.work()
    assert served.core.metadata.get(file_id_of(url)).revision == done["revision"]
    assert not processor.totals


def test_a_small_file_by_rest_takes_three_calls(served: Served) -> None:
    reply = served.request("POST", "/api/files/upload?name=a", CONTENT[:10_000], bearer("ann"))
    assert reply.status == 201
    assert calls(served) == ["open_uploads", "save", "save"]
