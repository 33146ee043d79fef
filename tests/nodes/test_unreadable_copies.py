"""Copies on nodes whose disks work, and cannot read one file: the scrub finds them, and a census makes others."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from files_service.nodes.chunk_disk import ChunkDisk
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.nodes.censuses import Cluster, cluster, keys, stored


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, "a", "b", "c") as running:
        yield running


def let_fail(monkeypatch: pytest.MonkeyPatch, nodes: Cluster, key: str, names: Iterable[str]) -> None:
    """Let the copies of a blob on some nodes be unreadable, each because of a bad sector of its own."""
    bad = {
        path.stat().st_ino
        for disk in (nodes.nodes[name].node.disk for name in names)
        for path in [disk.path_of(partition_of(chunk), chunk) for chunk in chunks_of(nodes, key)]
        if path.exists()
    }
    plain = ChunkDisk.read

    def read(disk: ChunkDisk, path: Path, *, cold: bool = False) -> tuple[str, bytes, str]:
        if path.exists() and path.stat().st_ino in bad:
            raise OSError(errno.EIO, "Input/output error")
        return plain(disk, path, cold=cold)

    monkeypatch.setattr(ChunkDisk, "read", read)


def chunks_of(nodes: Cluster, key: str) -> set[str]:
    return {chunk for name in nodes.nodes for chunk in nodes.names(name) if chunk.startswith(f"{key}~")}


def test_a_copy_that_a_node_cannot_read_is_made_anew(nodes: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(nodes.core)
    key = keys(nodes.core)[1]
    before = nodes.holders(key)
    name = min(before)
    let_fail(monkeypatch, nodes, key, [name])
    nodes.nodes[name].node.scrub.read_all()
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.repairs, outcome.failed_repairs, outcome.under_replicated) == (1, 0, 0)
    assert nodes.holders(key) == before
    assert nodes.nodes[name].node.scrub.read_all() == 0
    assert nodes.holders(key) == before


@pytest.mark.parametrize("fault", ["unreadable", "cut"])
def test_a_chunk_of_which_no_copy_can_be_read_is_lost(
    nodes: Cluster, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    stored(nodes.core)
    key = keys(nodes.core)[1]
    holders = nodes.holders(key)
    if fault == "unreadable":
        let_fail(monkeypatch, nodes, key, holders)
    for name in holders:
        node = nodes.nodes[name].node
        for chunk in chunks_of(nodes, key) if fault == "cut" else ():
            os.truncate(node.disk.path_of(partition_of(chunk), chunk), 10)
            node.driver.complete = False
            node.driver.complete_partition(partition_of(chunk))
            node.driver.complete = True
        node.scrub.read_all()
    outcome = nodes.census()
    assert outcome is not None
    assert (outcome.complete, outcome.lost_chunks) == (True, 1)
