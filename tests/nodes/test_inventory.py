"""The inventory of a node is a cache: the node without it, and with a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.nodes.identity import NodeRefused
from files_service.nodes.node import INVENTORY, FileNode
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import OtherContent
from storage_adapters.blobs.nodes.protocol.naming import generation_of, index_name
from tests.nodes.alone import complete, get, listed, node_in, put, read

FIRST, SECOND = (index_name("key", generation_of(number, b"123456"), 0) for number in (1, 2))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a node with two chunks that was stopped in order."""
    with node_in(tmp_path / "node") as node:
        complete(node)
        put(node, "a")
        put(node, FIRST, b"index", first=True)
    return tmp_path / "node"


def is_complete(node: FileNode) -> bool:
    """Return what the node tells a census."""
    sums = node.answer(m.GetInventory())
    assert isinstance(sums, m.Inventory)
    return sums.complete


def finds_all(node: FileNode) -> bool:
    """Return True when the node knows its chunks, and takes no second generation."""
    assert get(node, "a") == b"data"
    assert read(node, m.GetIndex("key")) == b"index"
    assert node.answer(m.FindBlobs(("key",))) == m.Blobs({"key": (FIRST,)})
    with pytest.raises(OtherContent):
        put(node, SECOND, b"other", first=True)
    complete(node)
    return is_complete(node) and listed(node) == {"a", FIRST}


def test_a_clean_stop_spares_the_next_start_the_walk(root: Path) -> None:
    with node_in(root) as node:
        assert is_complete(node)
        assert listed(node) == {"a", FIRST}


def test_an_inventory_that_was_deleted_is_made_from_the_disk(root: Path) -> None:
    (root / INVENTORY).unlink()
    with node_in(root) as node:
        assert not is_complete(node)
        assert finds_all(node)
    with node_in(root) as node:
        assert is_complete(node)
        assert listed(node) == {"a", FIRST}


def test_an_inventory_of_a_start_that_was_refused_is_not_complete(root: Path) -> None:
    (root / INVENTORY).unlink()
    with pytest.raises(NodeRefused), node_in(root, cluster="another"):
        pass
    with node_in(root) as node:
        assert not is_complete(node)
        assert finds_all(node)
