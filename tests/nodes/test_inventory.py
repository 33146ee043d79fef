"""The inventory of a node is a cache: the node without it, and with a damaged one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from files_service.nodes.identity import NodeRefused
from files_service.nodes.inventory import InventoryBroken
from files_service.nodes.node import INVENTORY, FileNode
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.errors import NodeUnavailable, OtherContent
from storage_adapters.blobs.nodes.protocol.naming import generation_of, index_name
from tests.nodes.alone import complete, get, listed, node_in, put, read
from tests.waiting import PATIENCE_SECONDS

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


def garble(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def malform(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:4_096] + b"x" * (len(content) - 4_096))


def cut(path: Path) -> None:
    os.truncate(path, 4_096)


def run(statement: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)

    return change


@pytest.mark.parametrize(
    "damage",
    [
        garble,
        malform,
        cut,
        run("PRAGMA user_version = 99"),
        run("ALTER TABLE chunks RENAME COLUMN sha256 TO other"),
        run("UPDATE chunks SET partition = 99999 WHERE name = 'a'"),
    ],
)
def test_a_damaged_inventory_is_set_aside_and_made_from_the_disk(root: Path, damage: Callable[[Path], None]) -> None:
    (root / f"{INVENTORY}.damaged").write_text("an earlier one")
    (root / f"{INVENTORY}.damaged-wal").write_text("an earlier one")
    damage(root / INVENTORY)
    content = (root / INVENTORY).read_bytes()
    with node_in(root) as node:
        assert not is_complete(node)
        assert finds_all(node)
    assert (root / f"{INVENTORY}.damaged").read_bytes() == content
    assert not (root / f"{INVENTORY}.damaged-wal").exists()
    with node_in(root) as node:
        assert is_complete(node)


def test_a_place_without_an_inventory_is_refused(root: Path) -> None:
    """It is no damage of the inventory, and another one would have it too."""
    (root / INVENTORY).unlink()
    (root / INVENTORY).mkdir()
    with pytest.raises(NodeRefused, match="unable to open"), node_in(root):
        pass
    assert not (root / f"{INVENTORY}.damaged").exists()


def test_an_inventory_that_fails_while_the_node_runs_is_made_anew_by_the_next_start(root: Path) -> None:
    with node_in(root) as node:
        run("DROP TABLE chunks")(root / INVENTORY)
        with pytest.raises(NodeUnavailable, match="the inventory failed"):
            put(node, "b")
        for request in (m.Have(("a",)), m.GetInventory(), m.GetIndex("key"), m.FindBlobs(("key",)), m.ListBlobs()):
            with pytest.raises(NodeUnavailable, match="the inventory failed"):
                node.answer(request)
        assert get(node, "a") == b"data"
        ended: SimpleQueue[InventoryBroken] = SimpleQueue()
        node.start(on_broken=ended.put)
        assert "no such table" in str(ended.get(timeout=PATIENCE_SECONDS))
    with node_in(root) as node:
        assert not is_complete(node)
        complete(node)
        assert listed(node) == {"a", FIRST}


def fill(node: FileNode) -> Iterator[str]:
    """Store chunks, and tell of each before."""
    for number in range(1_000):
        yield f"chunk{number}"
        put(node, f"chunk{number}")


def test_a_chunk_that_the_inventory_had_no_room_for_is_listed_behind_the_next_start(root: Path) -> None:
    stored: set[str] = set()
    with node_in(root) as node:
        database = node.inventory._database
        database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
        with pytest.raises(NodeUnavailable, match="full"):
            stored.update(fill(node))
    assert not (root / f"{INVENTORY}.damaged").exists()
    with node_in(root) as node:
        assert not is_complete(node)
        complete(node)
        assert listed(node) == {"a", FIRST} | stored
