"""The store while nodes, disks and controllers fail; nodes in threads."""

from __future__ import annotations

import random
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.nodes.checks import check_nodes
from storage_adapters import (
    BlobExists,
    BlobNotFound,
    StorageError,
    StorageFull,
    StorageUnavailable,
    open_blob_store,
)
from storage_adapters.blobs.nodes import NodesBlobStore, cluster, http, indexes
from storage_adapters.blobs.nodes.authentication import NodeKeys, SignedRequest
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import ChunkRemoved, Unreachable
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from storage_adapters.options import BlobOptions
from tests.contract.blob_scenes import KEY, NOW, put, read
from tests.cores import settings_for
from tests.nodes.clusters import OPTIONS, NodesInThreads, NodeThread
from tests.nodes.controller import SECRET
from tests.scale import at_scale
from tests.waiting import PATIENCE_SECONDS, wait_until

MIB = 1024 * 1024
BLOBS = at_scale(quick=20, default=60, nightly=1_000)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[NodesInThreads]:
    with NodesInThreads(tmp_path, 4) as started:
        yield started


@pytest.fixture
def store(nodes: NodesInThreads, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodesBlobStore]:
    # A node that was away is asked again at once.
    monkeypatch.setattr(cluster, "PROBE_SECONDS", 0.0)
    # A writer of which nothing more is heard is taken for dead at once.
    monkeypatch.setattr(indexes, "CONTEND_SECONDS", 0.1)
    opened = nodes.open()
    yield opened
    opened.close()


def contents(count: int) -> dict[str, bytes]:
    source = random.Random(7)
    return {f"owner/file{number}/p0": source.randbytes(source.randrange(1, 30_000)) for number in range(count)}


def put_all(store: NodesBlobStore, blobs: dict[str, bytes]) -> None:
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda item: put(store, *item), blobs.items()):
            pass


def copies(nodes: NodesInThreads) -> dict[str, list[NodeThread]]:
    """The nodes of each chunk."""
    found: dict[str, list[NodeThread]] = {}
    for node in nodes.nodes:
        for number, *_ in node.node.inventory.sums():
            for entry in node.node.inventory.of_partition(number):
                found.setdefault(entry.name, []).append(node)
    return found


def path_in(node: NodeThread, chunk_id: str) -> Path:
    return node.node.disk.path_of(partition_of(chunk_id), chunk_id)


def test_each_chunk_has_two_copies_in_two_zones(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    put_all(store, contents(BLOBS))
    put(store, "large/p0", b"x" * (9 * MIB))
    found = copies(nodes)
    assert len(found) == BLOBS + 4
    assert {len(each) for each in found.values()} == {2}


def test_any_one_node_may_be_away(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    blobs = contents(BLOBS)
    put_all(store, blobs)
    for number, node in enumerate(nodes.nodes):
        node.stop()
        assert all(read(store, key) == content for key, content in blobs.items())
        put(store, f"away/{number}", b"x" * (5 * MIB))
        assert read(store, f"away/{number}") == b"x" * (5 * MIB)
        assert sorted(info.key for info in store.scan(prefix="owner/", limit=10 * BLOBS)) == sorted(blobs)
        node.start()
    store.ping()


def test_silence_is_never_absence(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    blobs = contents(BLOBS)
    put_all(store, blobs)
    for node in nodes.nodes[:2]:
        node.stop()
    silent = 0
    for key, content in blobs.items():
        try:
            assert read(store, key) == content
        except StorageUnavailable:
            silent += 1
    assert 0 < silent < BLOBS
    with pytest.raises(StorageUnavailable):
        store.head("never/there")
    with pytest.raises(StorageUnavailable):
        store.scan(limit=10)
    for node in nodes.nodes[:2]:
        node.start()
    assert all(read(store, key) == content for key, content in blobs.items())
    with pytest.raises(BlobNotFound):
        store.head("never/there")


def test_too_few_nodes_confirm_nothing(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    for node in nodes.nodes[1:]:
        node.stop()
    with pytest.raises(StorageUnavailable):
        put(store)
    with pytest.raises(StorageUnavailable):
        put(store, "large", b"x" * (5 * MIB))
    with pytest.raises(StorageUnavailable):
        store.ping()
    for node in nodes.nodes[1:]:
        node.start()
    store.ping()
    # The first copy of the broken write may be there: its sender completes it, or writes it anew.
    with suppress(BlobExists):
        put(store)
    assert read(store) == b"some bytes"
    assert {len(each) for name, each in copies(nodes).items() if name.startswith(KEY)} == {2}


def test_full_disks_hand_over_to_others(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    full, *others = nodes.of_key(KEY)
    full.node.driver.floor_bytes = 2**62
    put(store)
    assert [len(each) for each in copies(nodes).values()] == [2]
    assert full not in next(iter(copies(nodes).values()))
    assert list((full.root / "tmp").iterdir()) == []
    for node in others:
        node.node.driver.floor_bytes = 2**62
    for content in (b"x", b"x" * (5 * MIB)):
        with pytest.raises(StorageFull):
            put(store, "none", content)
    assert all(list((node.root / "tmp").iterdir()) == [] for node in nodes.nodes)
    assert read(store) == b"some bytes"


def test_a_lost_answer_is_no_lost_blob(
    nodes: NodesInThreads, store: NodesBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer to each put is lost, behind the put."""
    call, lost = store._cluster._caller.call, set[tuple[str, str]]()

    def lose(node_id: str, url: str, request: m.Request, timeout: float) -> m.Reply:
        reply = call(node_id, url, request, timeout)
        if isinstance(request, m.PutChunk) and (node_id, request.chunk_id) not in lost:
            lost.add((node_id, request.chunk_id))
            raise Unreachable(node_id)
        return reply

    monkeypatch.setattr(store._cluster._caller, "call", lose)
    put(store)
    put(store, "large", b"x" * (5 * MIB))
    assert read(store, "large") == b"x" * (5 * MIB)
    assert len(lost) >= 6


def test_reads_are_right_beside_damaged_copies_and_a_scrub_finds_all(
    nodes: NodesInThreads, store: NodesBlobStore
) -> None:
    blobs = contents(BLOBS)
    put_all(store, blobs)
    source = random.Random(11)
    damaged: dict[int, int] = {}
    for chunk_id, holders in copies(nodes).items():
        node = source.choice(holders)
        path = path_in(node, chunk_id)
        content = bytearray(path.read_bytes())
        content[-1 - source.randrange(len(content) // 2)] ^= 1 << source.randrange(8)
        path.write_bytes(content)
        damaged[id(node)] = damaged.get(id(node), 0) + 1
    assert all(read(store, key) == content for key, content in blobs.items())
    found = {id(node): node.node.scrub.read_all() for node in nodes.nodes}
    assert {number: count for number, count in found.items() if count} == damaged
    assert all(read(store, key) == content for key, content in blobs.items())


def test_a_blob_whose_copies_are_all_damaged_is_lost_not_absent(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    put(store, content=b"x" * 5_000)
    ((chunk_id, holders),) = copies(nodes).items()
    for node in holders:
        path = path_in(node, chunk_id)
        path.write_bytes(path.read_bytes()[:-1] + b"y")
    with pytest.raises(StorageError) as caught:
        read(store)
    assert type(caught.value) is not BlobNotFound


@pytest.mark.parametrize("back", ["same", "never"])
def test_a_disk_that_vanishes_under_load_gets_no_byte(
    nodes: NodesInThreads, store: NodesBlobStore, tmp_path: Path, back: str
) -> None:
    """What umount does to a path: the folder below is another, and empty."""
    node = nodes.nodes[0]
    blobs = contents(BLOBS)
    keys = iter(blobs)
    put_all(store, {key: blobs[key] for key in [next(keys) for _ in range(BLOBS // 2)]})
    with ThreadPoolExecutor(8) as pool:
        rest = [pool.submit(put, store, key, blobs[key]) for key in keys]
        node.root.rename(tmp_path / "unmounted")
        node.root.mkdir()
        for each in rest:
            each.result()
    assert list(node.root.iterdir()) == []
    assert all(read(store, key) == content for key, content in blobs.items())
    if back == "same":
        node.root.rmdir()
        (tmp_path / "unmounted").rename(node.root)
        assert all(read(store, key) == content for key, content in blobs.items())


def test_the_store_goes_on_without_controllers(nodes: NodesInThreads, tmp_path: Path) -> None:
    options = BlobOptions(
        signing_key=OPTIONS.signing_key,
        public_url=OPTIONS.public_url,
        nodes_secret=OPTIONS.nodes_secret,
        cache_folder=str(tmp_path),
    )
    url = f"nodes://{nodes.controller.address}"
    first = open_blob_store(url, options)
    put(first)
    nodes.controller.stop()
    with pytest.raises(StorageUnavailable):
        put(open_blob_store(url, OPTIONS))
    for store in (first, open_blob_store(url, options)):
        assert read(store) == b"some bytes"
        info = put(store, f"later/{id(store)}", b"x" * (5 * MIB))
        assert read(store, info.key) == b"x" * (5 * MIB)
        store.delete(info.key)
        store.close()


def test_a_deleted_blob_is_in_the_trash_of_each_node(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    put(store, content=b"x" * (5 * MIB))
    store.delete(KEY)
    assert copies(nodes) == {}
    assert sum(len(list((node.root / "trash").iterdir())) for node in nodes.nodes) == 6
    assert [path for node in nodes.nodes for path in node.root.rglob("chunks/*/*")] == []


def test_a_node_whose_disk_is_away_stops_no_deletion(
    nodes: NodesInThreads, store: NodesBlobStore, tmp_path: Path
) -> None:
    put(store)
    for node in nodes.nodes[:3]:
        node.root.rename(tmp_path / f"{node.root.name}-away")
        node.root.mkdir()
    store.delete(KEY)
    nodes.nodes[3].root.rename(tmp_path / "away")
    with pytest.raises(StorageUnavailable):
        store.delete(KEY)


def test_a_writer_that_gives_up_leaves_nothing(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    writer = store.writer(KEY, content_type="a/b", now=NOW)
    writer.write(b"x" * (9 * MIB))
    wait_until(lambda: len(copies(nodes)) == 2, seconds=PATIENCE_SECONDS)
    writer.abort()
    assert copies(nodes) == {}


def test_a_put_that_lands_behind_the_removal_of_its_blob_leaves_nothing(
    nodes: NodesInThreads, store: NodesBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, puts = store._cluster._caller.call, list[tuple[str, str, m.PutChunk]]()

    def note(node_id: str, url: str, request: m.Request, timeout: float) -> m.Reply:
        if isinstance(request, m.PutChunk):
            puts.append((node_id, url, request))
        return call(node_id, url, request, timeout)

    monkeypatch.setattr(store._cluster._caller, "call", note)
    put(store)
    store.delete(KEY)
    late = puts.copy()
    for node_id, url, request in late:
        with pytest.raises(ChunkRemoved):
            call(node_id, url, request, 30.0)
    assert (len(late), copies(nodes)) == (2, {})
    chunk_id = late[0][2].chunk_id
    assert call(*late[0][:2], m.RestoreChunks((chunk_id,)), 30.0) == m.Moved((chunk_id,))
    assert call(*late[0], 30.0) == m.Stored(late[0][2].sha256, 10, created=False)
    store.delete(KEY)
    put(store)
    assert read(store) == b"some bytes"


def test_a_node_is_not_suspected_where_too_few_would_be_left(
    nodes: NodesInThreads, store: NodesBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PROBE_SECONDS", 1_000.0)
    put(store)
    patience = []
    for node in nodes.nodes:
        for _ in range(cluster.SILENCES):
            store._cluster._note(node.node.node_id, silent=True)
        patience.append(store._cluster._patience(node.node.node_id, 10.0))
    assert patience == [cluster.SUSPECTED_SECONDS] * 2 + [10.0] * 2


def test_a_receiver_that_is_busy_for_a_while_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """For longer than for a connection."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.5)
    body = b"x" * (16 * MIB)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        client = http.SignedClient(NodeKeys.derive(SECRET))
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        signed = SignedRequest("POST", "/chunk", "n1", http.hash_of(body), len(body))
        reply = pool.submit(client.request, url, signed, body=body, now=0, timeout=PATIENCE_SECONDS)
        connection, _ = server.accept()
        with connection, connection.makefile("rb") as received:
            assert not wait([reply], timeout=1.0).done
            while received.readline() != b"\r\n":
                pass
            assert received.read(len(body)) == body
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert reply.result(PATIENCE_SECONDS).body == b"ok"
        client.close()


def test_who_meets_a_write_that_was_broken_off_makes_its_copies(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    first = put(store)
    ((chunk_id, holders),) = copies(nodes).items()
    store._cluster._caller.call(holders[1].node.node_id, holders[1].url, m.TrashChunks((chunk_id,), "removed"), 30.0)
    with pytest.raises(BlobExists) as caught:
        store.write_whole(KEY, b"other", sha256=None, content_type="a/b", now=NOW)
    assert caught.value.info == first
    assert [len(each) for each in copies(nodes).values()] == [2]
    assert read(store) == b"some bytes"


def test_the_doctor_tells_what_to_do(nodes: NodesInThreads, tmp_path: Path) -> None:
    url = f"nodes://{nodes.controller.address}"
    settings = settings_for(tmp_path / "data", FILES_BLOBS_URL=url, FILES_NODES_SECRET=SECRET)
    text, advice = check_nodes(settings)
    assert text == "4 of 4 nodes answer; 2 copies of each chunk"
    # All stand on one disk here.
    assert advice == "Give each node a disk of its own: 4 nodes of 127.0.0.1 share one."
    for number, ping in enumerate(nodes.controller.pings.values()):
        ping |= {"medium": f"device-{number}", "zone": ""}
    assert check_nodes(settings)[1] == ""
    ping |= {"read_only": True, "skew_ms": 60_000}
    assert "Replace the disk" in check_nodes(settings)[1]
    assert "60 s behind" in check_nodes(settings)[1]
    nodes.controller.pings.clear()
    assert "silent" in check_nodes(settings)[1]
    assert "FILES_NODES_SECRET" in check_nodes(replace(settings, nodes_secret=""))[1]
    nodes.controller.stop()
    text, advice = check_nodes(settings)
    assert text == "no controller of the nodes answers; no layout is known yet"
    assert "Start a gateway" in advice


def test_the_doctor_knows_the_layout_by_which_uploads_go_on(nodes: NodesInThreads, tmp_path: Path) -> None:
    url = f"nodes://{nodes.controller.address}"
    settings = settings_for(tmp_path / "data", FILES_BLOBS_URL=url, FILES_NODES_SECRET=SECRET)
    settings.data_dir.mkdir(exist_ok=True)
    with closing(open_blob_store(url, replace(OPTIONS, cache_folder=str(settings.data_dir)))) as store:
        store.ping()
        nodes.controller.stop()
        put(store)
    assert "go on by the last layout, of 4 nodes that take chunks" in check_nodes(settings)[0]


def test_a_node_that_is_made_anew_is_another_node(nodes: NodesInThreads, store: NodesBlobStore) -> None:
    put(store)
    node = nodes.of_key(KEY)[0]
    before = node.node.node_id
    node.stop()
    shutil.rmtree(node.root)
    node.start()
    assert node.node.node_id != before
    assert read(store) == b"some bytes"
