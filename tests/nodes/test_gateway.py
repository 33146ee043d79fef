"""A gateway whose bytes are on file nodes: every door, and a node that goes away."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from files_service.services.opening import open_core
from storage_adapters import StorageUnavailable
from storage_adapters.blobs.nodes.room import UNKNOWN
from tests.cores import settings_for
from tests.gateway.addresses import declare, put, url_of
from tests.gateway.serving import Served, serving
from tests.gateway.test_rest_files import ANN, processed
from tests.gateway.tus import create, file_id_of, made, patch
from tests.nodes.clusters import NodesInThreads
from tests.nodes.controller import SECRET

ONE = b"one chunk"
CONTENT = random.Random(9).randbytes(5_000_000)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[NodesInThreads]:
    with NodesInThreads(tmp_path, 3) as started:
        yield started


@pytest.fixture
def served(nodes: NodesInThreads, tmp_path: Path) -> Iterator[Served]:
    url = f"nodes://{nodes.controller.address}"
    settings = settings_for(
        tmp_path / "data", FILES_METADATA_URL="memory://", FILES_BLOBS_URL=url, FILES_NODES_SECRET=SECRET
    )
    with serving(open_core(settings)) as started:
        yield started


def test_files_of_all_doors_outlive_a_node_and_the_controllers(nodes: NodesInThreads, served: Served) -> None:
    by_rest = processed(served, CONTENT)
    part = declare(served, len(CONTENT))
    assert put(served, part, CONTENT).status == 201
    by_url = served.result("files.process", file_id=part["file_id"])
    upload = made(served, len(CONTENT))
    assert patch(served, upload, 0, CONTENT).status == 204
    by_tus = served.result("files.process", file_id=file_id_of(upload))
    nodes.controller.stop()
    for node in nodes.nodes:
        node.stop()
        for record in (by_rest, by_url, by_tus):
            reply = served.request("GET", url_of(served, record))
            assert (reply.status, reply.body == CONTENT) == (200, True)
            ranged = served.request("GET", url_of(served, record), headers={"Range": "bytes=4194300-4194310"})
            assert (ranged.status, ranged.body) == (206, CONTENT[4194300:4194311])
        assert served.result("files.process", file_id=processed(served, CONTENT[:999])["file_id"])
        node.start()
    for record in (by_rest, by_url, by_tus):
        assert served.request("DELETE", f"/api/files/{record['file_id']}", headers=ANN).status in (200, 204)


def test_too_few_nodes_are_told_as_such_and_not_as_a_full_disk(nodes: NodesInThreads, served: Served) -> None:
    for node_id in list(nodes.controller.pings)[1:]:
        nodes.controller.pings[node_id]["read_only"] = True
    reply = create(served, 9)
    assert (reply.status, reply.error["code"]) == (503, "storage_unavailable")
    assert reply.error["message"] == "nodes: 1 take chunks, and a write needs 2"


def test_one_node_is_enough_for_writes_of_one_copy(nodes: NodesInThreads) -> None:
    for node_id in list(nodes.controller.pings)[1:]:
        nodes.controller.pings[node_id]["read_only"] = True
    with closing(nodes.open("?min_write=1")) as store:
        assert 0 < store.free_bytes() < UNKNOWN


def test_uploads_go_on_where_nobody_tells_the_room_of_the_nodes(nodes: NodesInThreads) -> None:
    with closing(nodes.open()) as silent, closing(nodes.open()) as alone:
        alone.ping()
        nodes.controller.pings.clear()
        assert silent.free_bytes() == UNKNOWN
        nodes.controller.stop()
        assert alone.free_bytes() == UNKNOWN
        alone.put("a/b", [ONE], content_type="a/b", now=0)
        assert b"".join(alone.get("a/b")) == ONE


def test_a_store_with_too_few_nodes_says_so(nodes: NodesInThreads) -> None:
    with closing(nodes.open("?copies=5&min_write=4")) as store, pytest.raises(StorageUnavailable) as caught:
        store.ping()
    assert str(caught.value) == "nodes: 3 of 4 copies: too few nodes take chunks"
