"""One node: its answers by HTTP, its folder, its disk."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from files_service.nodes import chunk_disk, pinging
from files_service.nodes.identity import NodeRefused
from storage_adapters.blobs.nodes.authentication import NodeKeys, SignedRequest
from storage_adapters.blobs.nodes.calls import NodeCaller, wall_clock_ms
from storage_adapters.blobs.nodes.http import SignedClient, hash_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import (
    HashDiffers,
    NodeFull,
    NodeUnavailable,
    OtherContent,
    StaleEpoch,
)
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from storage_adapters.blobs.nodes.protocol.naming import generation_of, index_name
from tests.nodes.clusters import NodeThread
from tests.nodes.controller import SECRET, SmallController
from tests.waiting import PATIENCE_SECONDS, wait_until

DATA = bytes(range(256)) * 40


@pytest.fixture
def controller() -> Iterator[SmallController]:
    with SmallController() as started:
        yield started


@pytest.fixture
def node(tmp_path: Path, controller: SmallController) -> Iterator[NodeThread]:
    started = NodeThread(tmp_path / "node", controller.address).start()
    yield started
    started.stop()


@pytest.fixture
def client() -> Iterator[SignedClient]:
    opened = SignedClient(NodeKeys.derive(SECRET))
    yield opened
    opened.close()


@pytest.fixture
def ask(node: NodeThread, client: SignedClient) -> Callable[[m.Request], Any]:
    caller = NodeCaller(client)
    return lambda request: caller.call(node.node.node_id, node.url, request, 30.0)


def put(chunk_id: str = "a", data: bytes = DATA, **more: Any) -> m.PutChunk:
    return m.PutChunk(chunk_id, hash_of(data), data, **more)


def path_of(node: NodeThread, chunk_id: str = "a") -> Path:
    return node.node.disk.path_of(partition_of(chunk_id), chunk_id)


def damage(path: Path) -> None:
    """Flip one bit of the last byte."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


Ask = Callable[[m.Request], Any]


def test_a_chunk_is_stored_once_and_read_back(ask: Ask) -> None:
    assert ask(put(info="beside")) == m.Stored(hash_of(DATA), len(DATA), created=True)
    assert ask(put()) == m.Stored(hash_of(DATA), len(DATA), created=False)
    found = ask(m.GetChunk("a"))
    assert (found.data, found.sha256, found.size, found.info) == (DATA, hash_of(DATA), len(DATA), "beside")
    assert ask(m.GetChunk("a", 100, 50)).data == DATA[100:150]
    assert ask(m.GetChunk("a", len(DATA) + 5)).data == b""
    assert ask(m.GetChunk("a", 5, 0)).data == b""
    assert ask(m.HeadChunk("a")).size == len(DATA)
    assert ask(m.GetChunk("b")) == m.Absent()
    assert ask(put("empty", b"")).created
    assert ask(m.GetChunk("empty")).data == b""


def test_other_bytes_under_a_name_are_refused(ask: Ask) -> None:
    ask(put())
    with pytest.raises(OtherContent):
        ask(put(data=b"other"))
    assert ask(m.GetChunk("a")).data == DATA


def test_bytes_that_do_not_match_their_hash_are_not_stored(ask: Ask, node: NodeThread) -> None:
    with pytest.raises(HashDiffers):
        ask(m.PutChunk("a", hash_of(b"other"), DATA))
    assert ask(m.GetChunk("a")) == m.Absent()
    assert list((node.root / "tmp").iterdir()) == []


def test_a_damaged_copy_is_replaced_and_kept_in_quarantine(ask: Ask, node: NodeThread) -> None:
    ask(put())
    damage(path_of(node))
    assert ask(put()).created
    assert ask(m.GetChunk("a")).data == DATA
    assert len(list((node.root / "quarantine").iterdir())) == 1


@pytest.mark.parametrize("cut", [0, 5, 200])
def test_a_file_that_was_cut_is_no_copy(ask: Ask, node: NodeThread, cut: int) -> None:
    ask(put())
    os.truncate(path_of(node), cut)
    with pytest.raises(NodeUnavailable):
        ask(m.GetChunk("a"))
    assert ask(m.Verify(("a",))).damaged == ("a",)
    assert ask(put()).created


def test_a_chunk_that_is_removed_is_in_the_trash_and_can_be_restored(ask: Ask, node: NodeThread) -> None:
    ask(put())
    assert ask(m.TrashChunks(("a", "b"), "removed")) == m.Moved(("a",), ("b",))
    assert ask(m.GetChunk("a")) == m.Absent()
    assert ask(m.Have(("a",))).entries == {}
    assert ask(m.RestoreChunks(("a", "b"))) == m.Moved(("a",), ("b",))
    assert ask(m.GetChunk("a")).data == DATA
    assert set(ask(m.Have(("a",))).entries) == {"a"}
    ask(m.TrashChunks(("a",), "garbage", 1))
    assert node.node.disk.purge("trash", before=wall_clock_ms() - 7 * 86_400_000) == 0
    assert node.node.disk.purge("trash", before=wall_clock_ms() + 1) == 1
    assert ask(m.RestoreChunks(("a",), 1)).absent == ("a",)


def test_an_earlier_census_destroys_nothing(ask: Ask, node: NodeThread) -> None:
    ask(put())
    ask(m.GetInventory(7))
    with pytest.raises(StaleEpoch):
        ask(m.TrashChunks(("a",), "garbage", 6))
    node.stop()
    node.start()
    with pytest.raises(StaleEpoch):
        ask(m.TrashChunks(("a",), "garbage", 6))
    assert ask(m.TrashChunks(("a",), "garbage", 7)).chunk_ids == ("a",)


def test_the_inventory_tells_what_is_there(ask: Ask) -> None:
    for name in "abc":
        ask(put(name, name.encode()))
    ask(m.TrashChunks(("c",), "removed"))
    sums = ask(m.GetInventory())
    assert sums.complete
    assert (sum(each.count for each in sums.partitions.values()), set(sums.partitions)) == (
        2,
        {partition_of(name) for name in "ab"},
    )
    page = ask(m.GetPartition(partition_of("a")))
    assert (page.complete, page.boot_id, set(page.entries)) == (True, sums.boot_id, {"a"})
    assert page.entries["a"].sha256 == hash_of(b"a")


def test_a_start_behind_a_crash_looks_at_the_disk(ask: Ask, node: NodeThread, tmp_path: Path) -> None:
    for name in "abc":
        ask(put(name, name.encode()))
    node.stop()
    # What the disk and the inventory are after a crash: neither knows of the last moment of the other.
    (tmp_path / "kept").mkdir()
    path_of(node, "a").rename(tmp_path / "kept" / "a")
    node.node.folder.root.joinpath("inventory.db").unlink()
    state = node.root / "state.json"
    state.write_text(state.read_text().replace('"clean":true', '"clean":false'))
    (node.root / "tmp" / "half").write_bytes(b"half")
    node.start()
    wait_until(lambda: node.node.driver.complete, seconds=PATIENCE_SECONDS)
    assert set(ask(m.Have(("a", "b", "c"))).entries) == {"b", "c"}
    assert sum(each.count for each in ask(m.GetInventory()).partitions.values()) == 2
    assert list((node.root / "tmp").iterdir()) == []


def test_one_generation_of_a_blob_is_stored(ask: Ask) -> None:
    first, second = (index_name("key", generation_of(number, b"123456"), 0) for number in (1, 2))
    assert ask(put(first, b"1", first=True, info="one")).created
    assert not ask(put(first, b"1", first=True, info="one")).created
    with pytest.raises(OtherContent):
        ask(put(second, b"2", first=True))
    found = ask(m.GetIndex("key"))
    assert (found.data, found.chunk_id, found.info) == (b"1", first, "one")
    ask(put(second, b"2", info="two"))
    assert ask(m.GetIndex("key")).chunk_id == second
    assert ask(m.FindBlobs(("key", "none"))).entries == {"key": (first, second)}
    assert ask(m.ListBlobs()).infos == {first: "one", second: "two"}
    assert ask(m.ListBlobs(after="key")).infos == {}
    assert ask(m.GetIndex("ke")) == m.Absent()


def test_a_full_disk_takes_nothing(ask: Ask, node: NodeThread) -> None:
    node.node.driver.floor_bytes = 2**62
    with pytest.raises(NodeFull):
        ask(put())
    node.node.driver.floor_bytes = 0
    assert ask(put()).created


def test_a_disk_that_fails_three_times_is_read_only(
    ask: Ask, node: NodeThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(put())

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(chunk_disk.ChunkDisk, "write_beside", fail)
        for _ in range(3):
            with pytest.raises(NodeUnavailable, match="Input/output"):
                ask(put("b"))
    with pytest.raises(NodeUnavailable, match="failed several times"):
        ask(put("b"))
    assert ask(m.GetChunk("a")).data == DATA
    assert requests.get(f"{node.url}/readyz", timeout=30).status_code == 503


def test_a_copy_that_cannot_be_read_gives_way_to_good_bytes(
    ask: Ask, node: NodeThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(put())
    [bad] = (node.root / "chunks").rglob("*/*")
    number, plain = bad.stat().st_ino, chunk_disk.ChunkDisk.read

    def read(disk: chunk_disk.ChunkDisk, path: Path, *, cold: bool = False) -> tuple[str, bytes, str]:
        if path.stat().st_ino == number:
            raise OSError(errno.EIO, "Input/output error")
        return plain(disk, path, cold=cold)

    monkeypatch.setattr(chunk_disk.ChunkDisk, "read", read)
    # What only looks leaves it in its place.
    assert ask(m.Verify(("a",))).unread == ("a",)
    assert ask(put()).created
    assert not ask(put()).created
    assert ask(m.Verify(("a",))).good
    assert [path.stat().st_ino for path in (node.root / "quarantine").iterdir()] == [number]


@pytest.mark.parametrize("gone", ["away", "another"])
def test_a_disk_that_is_gone_is_never_empty(ask: Ask, node: NodeThread, tmp_path: Path, gone: str) -> None:
    ask(put())
    node.root.rename(tmp_path / "unmounted")
    node.root.mkdir()
    if gone == "another":
        shutil.copytree(tmp_path / "unmounted", node.root, dirs_exist_ok=True)
    for request in (m.GetChunk("a"), m.GetChunk("b"), put("b"), m.Have(("a",)), m.GetInventory(), m.GetIndex("k")):
        with pytest.raises(NodeUnavailable):
            ask(request)
    if gone == "away":
        assert list(node.root.iterdir()) == []
    shutil.rmtree(node.root)
    (tmp_path / "unmounted").rename(node.root)
    assert ask(m.GetChunk("a")).data == DATA


def test_a_node_whose_disk_is_away_is_silent_until_it_is_back(
    controller: SmallController, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pinging, "PING_SECONDS", 0.01)
    node = NodeThread(tmp_path / "pinging", controller.address).start()
    try:
        node_id, away = node.node.node_id, tmp_path / "away"

        def pings() -> bool:
            before = controller.pings[node_id]["clock"]
            time.sleep(0.3)
            return bool(controller.pings[node_id]["clock"] != before)

        wait_until(pings, seconds=PATIENCE_SECONDS)
        node.root.rename(away)
        wait_until(lambda: not pings(), seconds=PATIENCE_SECONDS)
        away.rename(node.root)
        wait_until(pings, seconds=PATIENCE_SECONDS)
    finally:
        node.stop()


def test_the_form_of_a_hash_and_a_chunk_is_taken(node: NodeThread, ask: Ask) -> None:
    sha256 = hash_of(DATA)
    for told, expected in ((sha256, 201), (sha256, 200), (hash_of(b"x"), 422)):
        prepared = requests.Request(
            "POST", f"{node.url}/chunk", data={"hash": told}, files={"chunk": ("c", DATA)}
        ).prepare()
        assert isinstance(prepared.body, bytes)
        prepared.headers.update(signed(node, "POST", "/chunk", prepared.body))
        assert requests.Session().send(prepared, timeout=30).status_code == expected
    assert ask(m.GetChunk(sha256)).data == DATA


def signed(node: NodeThread, method: str, path: str, body: bytes = b"", **more: Any) -> dict[str, str]:
    request = SignedRequest(method, path, more.pop("node_id", node.node.node_id), hash_of(body), len(body))
    keys = NodeKeys.derive(more.pop("secret", SECRET))
    return keys.headers(request, now=wall_clock_ms() + more.pop("later_ms", 0), **more)


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "another-secret-0123456789abcdef-0123456789"},
        {"node_id": "another"},
        {"later_ms": -600_000},
        {"later_ms": 600_000},
        {"destroys": True},
    ],
)
def test_a_request_with_another_signature_is_refused(node: NodeThread, ask: Ask, change: dict[str, Any]) -> None:
    ask(put())
    path = "/chunk/a"
    answer = requests.get(node.url + path, headers=signed(node, "GET", path, **change), timeout=30)
    assert (answer.status_code, DATA[:10] in answer.content) == (403, False)
    assert requests.get(node.url + path, headers=signed(node, "GET", path), timeout=30).content == DATA


def test_a_signature_is_for_one_request(node: NodeThread, ask: Ask) -> None:
    ask(put())
    headers = signed(node, "GET", "/chunk/b")
    assert requests.get(f"{node.url}/chunk/a", headers=headers, timeout=30).status_code == 403
    assert requests.get(f"{node.url}/chunk/a", timeout=30).status_code == 403
    body = b'{"chunk_ids":["a"],"reason":"removed","epoch":null}'
    for path in ("/chunks", "/%63hunks", "//chunks"):
        answer = requests.delete(node.url + path, headers=signed(node, "DELETE", path, body), data=body, timeout=30)
        assert answer.status_code in (400, 403, 404)
    assert ask(m.GetChunk("a")).data == DATA


def test_what_is_malformed_is_refused(node: NodeThread) -> None:
    for method, path, body in (
        ("GET", "/inventory/x", b""),
        ("POST", "/have", b"{}"),
        ("POST", "/have", b"\xff"),
        ("POST", "/chunk", b""),
        ("POST", "/nothing", b"{}"),
        ("PUT", "/chunk/a", b"x"),
    ):
        answer = requests.request(
            method, node.url + path, headers=signed(node, method, path, body), data=body, timeout=30
        )
        assert answer.status_code in (400, 404), (method, path, answer.status_code)


def test_operators_need_no_signature(node: NodeThread, ask: Ask) -> None:
    ask(put())
    assert requests.get(f"{node.url}/healthz", timeout=30).json() == {"ok": True}
    assert requests.get(f"{node.url}/readyz", timeout=30).json()["ready"]
    text = requests.get(f"{node.url}/metrics", timeout=30).text
    assert "files_node_chunks 1.0" in text
    assert 'files_node_requests_total{outcome="ok",request="PutChunk"} 1.0' in text


def test_a_scrub_finds_each_damaged_copy(ask: Ask, node: NodeThread) -> None:
    for number in range(30):
        ask(put(f"chunk{number}", b"%d" % number))
    for number in range(0, 30, 3):
        damage(path_of(node, f"chunk{number}"))
    assert node.node.scrub.read_all() == 10
    assert len(ask(m.Have(tuple(f"chunk{number}" for number in range(30)))).entries) == 20
    assert node.node.scrub.oldest_unverified_seconds() < PATIENCE_SECONDS
    assert node.node.scrub.read_all() == 0


class TestFolder:
    """The folder of a node is refused where it may be the wrong one."""

    def test_an_empty_folder_needs_to_be_made_one_of_a_node(self, tmp_path: Path, controller: SmallController) -> None:
        (tmp_path / "node").mkdir()
        with pytest.raises(NodeRefused, match="--init"):
            NodeThread(tmp_path / "node", controller.address).start()
        assert list((tmp_path / "node").iterdir()) == []

    def test_two_processes_cannot_run_one_node(self, node: NodeThread, controller: SmallController) -> None:
        with pytest.raises(NodeRefused, match="another process"):
            NodeThread(node.root, controller.address).start()

    def test_a_folder_of_another_cluster_is_refused(self, node: NodeThread, controller: SmallController) -> None:
        node.stop()
        with pytest.raises(NodeRefused, match="cluster"):
            NodeThread(node.root, controller.address, cluster="other").start()

    def test_a_copy_of_a_folder_is_refused(self, node: NodeThread, controller: SmallController, tmp_path: Path) -> None:
        node.stop()
        shutil.copytree(node.root, tmp_path / "clone")
        node.start()
        with pytest.raises(NodeRefused, match="copy of its folder"):
            NodeThread(tmp_path / "clone", controller.address).start()

    def test_a_damaged_identity_is_refused(self, node: NodeThread, controller: SmallController) -> None:
        node.stop()
        (node.root / "state.json").write_text("{")
        with pytest.raises(NodeRefused, match="damaged"):
            NodeThread(node.root, controller.address).start()

    def test_a_node_counts_its_starts(self, node: NodeThread, controller: SmallController) -> None:
        boots = [node.node.folder.record.boots]
        for _ in range(2):
            node.stop()
            node.start()
            boots.append(node.node.folder.record.boots)
        assert boots == [1, 2, 3]
        assert controller.pings[node.node.node_id]["boots"] == 3


def test_hashes_are_those_of_the_library() -> None:
    assert hash_of(DATA) == hashlib.sha256(DATA).hexdigest()
