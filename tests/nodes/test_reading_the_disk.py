"""A node that still reads its disk: it says of no chunk that it is absent before it has looked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from files_service.nodes.node import INVENTORY, FileNode
from storage_adapters.blobs.nodes.http import hash_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.disk import WalkDisk
from storage_adapters.blobs.nodes.protocol.effects import Step
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.nodes.alone import complete, node_in, path_of, put


@pytest.fixture
def node(tmp_path: Path) -> Iterator[FileNode]:
    """A node with two chunks that was killed, and does not know its disk yet."""
    with node_in(tmp_path / "node") as before:
        put(before, "a")
        put(before, "b")
    # It was not complete, so the state is not clean.
    (tmp_path / "node" / INVENTORY).unlink()
    with node_in(tmp_path / "node") as started:
        yield started


def have(node: FileNode, *chunk_ids: str) -> dict[str, tuple[str, int]]:
    """Return hash and size of the chunks that the node says it has."""
    present = node.answer(m.Have(chunk_ids))
    assert isinstance(present, m.Present)
    return {chunk_id: (entry.sha256, entry.size) for chunk_id, entry in present.entries.items()}


def test_a_chunk_is_found_before_the_inventory_is_complete(node: FileNode) -> None:
    path_of(node, "b").write_bytes(b"no chunk")
    assert not node.driver.complete
    before = have(node, "a", "b", "c")
    assert before == {"a": (hash_of(b"data"), 4)}
    complete(node)
    assert have(node, "a", "b", "c") == before


def walk() -> Step[None]:
    yield WalkDisk()


@pytest.mark.parametrize("request_", [m.GetInventory(), m.GetPartition(partition_of("a"))])
def test_a_list_from_before_the_end_of_the_walk_is_not_complete(
    node: FileNode, monkeypatch: pytest.MonkeyPatch, request_: m.GetInventory | m.GetPartition
) -> None:
    """The walk ends between the look at the inventory and the answer."""
    sums, of_partition = node.inventory.sums, node.inventory.of_partition

    def sums_before() -> list[tuple[int, int, int, int]]:
        found = sums()
        finish()
        return found

    def entries_before(partition: int) -> list[object]:
        found: list[object] = [*of_partition(partition)]
        finish()
        return found

    def finish() -> None:
        monkeypatch.undo()
        node.driver.run(walk())

    monkeypatch.setattr(node.inventory, "sums", sums_before)
    monkeypatch.setattr(node.inventory, "of_partition", entries_before)
    reply = node.answer(request_)
    assert isinstance(reply, m.Inventory | m.InventoryPage)
    assert not reply.complete
    again = node.answer(request_)
    assert isinstance(again, m.Inventory | m.InventoryPage)
    assert again.complete


def test_a_chunk_that_the_walk_finds_meanwhile_is_not_absent(node: FileNode, monkeypatch: pytest.MonkeyPatch) -> None:
    find = node.inventory.find

    def find_before(partition: int, name: str) -> object:
        found = find(partition, name)
        monkeypatch.undo()
        node.driver.run(walk())
        return found

    monkeypatch.setattr(node.inventory, "find", find_before)
    assert set(have(node, "a")) == {"a"}
