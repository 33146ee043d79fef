"""Records whose meta is deeper than may be stored today: an earlier version took it over AMQP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from files_service.core import Core
from files_service.domain.editing import MAX_META_DEPTH, depth_of
from files_service.worker.relay import Relay
from storage_adapters import JSON
from tests.cores import call, memory_core, processed_file, sqlite_core
from tests.publishers import Collector

DEEPEST = 254
"""The depth at which the store's encoder gives up."""


@pytest.fixture(params=[memory_core, sqlite_core])
def core(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Core]:
    opened = request.param(tmp_path)
    yield opened
    opened.close()


def nested(levels: int) -> JSON:
    value: JSON = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.fixture(params=[MAX_META_DEPTH + 1, DEEPEST - 3, DEEPEST])
def file_id(request: pytest.FixtureRequest, core: Core) -> str:
    record = core.metadata.get(processed_file(core, meta={"description": "shown"})["file_id"])
    deep: dict[str, Any] = {**record.meta, **nested(request.param)}
    post_action = {"update": {"meta": nested(request.param - 2)}}
    changed = replace(record, meta=deep, post_action=post_action)
    core.metadata.save(changed, expected_revision=record.revision, changed_at=core.clock(), event="updated")
    return record.file_id


def encoded(answer: object) -> JSON:
    """An answer as it crosses the wire."""
    value: JSON = orjson.loads(orjson.dumps({"result": {"result": answer}}))
    inner: JSON = value["result"]["result"]
    return inner


def test_every_answer_can_be_encoded_and_shows_the_rest(core: Core, file_id: str) -> None:
    other = processed_file(core, name="other")["file_id"]
    listed = encoded(call(core, "files.list", owner="ann"))["files"]
    assert {file["file_id"] for file in listed} == {file_id, other}
    [deep] = [file for file in listed if file["file_id"] == file_id]
    for answer in (
        deep,
        encoded(call(core, "files.info", file_id=file_id)),
        encoded(call(core, "files.data", file_id=file_id, fields=["meta"])),
        encoded(call(core, "files.clone", file_id=file_id, owner="bob")),
        encoded(call(core, "files.tag.add", file_id=file_id, tags=["a"])),
    ):
        assert answer["meta"]["description"] == "shown"
        assert depth_of(answer["meta"]) == MAX_META_DEPTH


def test_its_events_are_published(core: Core, file_id: str) -> None:
    publisher = Collector()
    Relay(core, publisher, holder="one").step()
    assert publisher.names[-1] == "updated"
    assert {encoded(each.payload)["file_id"] for each in publisher.events} == {file_id}


def test_the_deep_comparison_names_it_and_an_update_mends_it(core: Core, file_id: str) -> None:
    [error] = call(core, "files.sync", deep=True, older_than_seconds=0)["errors"]
    assert (error["file_id"], error["code"]) == (file_id, "bad_request")
    assert error["details"] == {"field": "meta", "keys": ["a"]}
    call(core, "files.update", file_id=file_id, changes={"meta": {"a": None}})
    assert call(core, "files.info", file_id=file_id)["meta"] == {"description": "shown"}
    assert call(core, "files.sync", deep=True, older_than_seconds=0)["errors"] == []
