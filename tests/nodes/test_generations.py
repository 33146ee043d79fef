"""Generations of one blob that a writer left behind, because a node was silent when it gave way."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage_adapters import BlobInfo
from storage_adapters.blobs.nodes import NodesBlobStore
from storage_adapters.blobs.nodes.description import PIECE_BYTES, Description
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Wanted
from storage_adapters.blobs.nodes.protocol.layout import readers
from storage_adapters.blobs.nodes.protocol.naming import (
    generation_of,
    index_name,
    parse_name,
    piece_name,
    wanted_chunks,
)
from tests.contract.blob_scenes import KEY, NOW
from tests.nodes.censuses import Cluster, cluster
from tests.unit.lost_bytes import chunked_file

OLD, NEW = generation_of(1, b"oldold"), generation_of(2, b"newnew")
NEVER = generation_of(10**16, b"never!")


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path, "a", "b", "c") as running:
        yield running


def stored_and_not(key: Wanted, copies: dict[str, int]) -> tuple[set[str], set[str]]:
    """The names that must be there, and those that may."""
    found = wanted_chunks({key.chunk_id: key}, copies, copies.__getitem__, 2)
    must = {name for name, each in found.items() if each.stored}
    return must, found.keys() - must


def test_an_index_without_its_pieces_is_not_the_blob() -> None:
    old = {index_name("k", OLD, 2): 2, piece_name("k", OLD, 0): 2, piece_name("k", OLD, 1): 1}
    left = {index_name("k", NEW, 2): 1, piece_name("k", NEW, 0): 1}
    assert stored_and_not(Wanted("k"), old | left) == (set(old), set())


def test_of_two_that_are_whole_the_latest_is_the_blob_that_has_its_copies() -> None:
    old, new = index_name("k", OLD, 0), index_name("k", NEW, 0)
    assert stored_and_not(Wanted("k"), {old: 2, new: 2}) == ({new}, set())
    assert stored_and_not(Wanted("k"), {old: 2, new: 1}) == ({old}, set())


def test_while_none_has_its_copies_all_stay() -> None:
    old, new = index_name("k", OLD, 0), index_name("k", NEW, 1)
    piece = piece_name("k", NEW, 0)
    assert stored_and_not(Wanted("k"), {old: 1, new: 2}) == ({old}, {new, piece})
    assert stored_and_not(Wanted("k"), {old: 1, new: 1, piece: 1}) == ({new, piece}, {old})


def test_the_generation_that_the_metadata_name_is_the_blob() -> None:
    old, new = index_name("k", OLD, 0), index_name("k", NEW, 0)
    assert stored_and_not(Wanted("k", generation=OLD), {old: 1, new: 2}) == ({old}, set())
    assert stored_and_not(Wanted("k", generation=NEVER), {old: 1, new: 2}) == ({new}, set())


def test_pieces_of_a_later_generation_may_be_under_way() -> None:
    old, early, late = index_name("k", OLD, 0), piece_name("k", generation_of(0, b"before"), 0), piece_name("k", NEW, 0)
    assert stored_and_not(Wanted("k"), {old: 2, early: 1, late: 1}) == ({old}, {late})


def leave_index(nodes: Cluster, index: str, pieces: int, data: bytes) -> str:
    """Put the index of a later generation in the place of the one at the node that readers ask first."""
    name = parse_name(index)
    assert name is not None
    assert isinstance(nodes.core.blobs, NodesBlobStore)
    first = readers(nodes.core.blobs._cluster.layout(), index)[0].node_id
    node = next(each.node for each in nodes.nodes.values() if each.node.node_id == first)
    info = BlobInfo(
        bucket="files", key=name.key, size=len(data), content_type="a/b", created_at=NOW, generation=NEVER, sha256=None
    )
    left = index_name(name.key, NEVER, pieces)
    body = bytes(32 * pieces) if pieces else data
    node.answer(m.TrashChunks((index,), "garbage"))
    text = Description(info, pieces).text()
    node.answer(m.PutChunk(left, hashlib.sha256(body).hexdigest(), body, first=True, info=text))
    return left


@pytest.mark.parametrize("whole", [True, False])
def test_a_reader_that_meets_the_index_of_a_writer_that_gave_way_reads_the_blob(nodes: Cluster, whole: bool) -> None:
    content = random.Random(3).randbytes(PIECE_BYTES + 1_000 if whole else 1_000)
    store = nodes.core.blobs
    info = store.put(KEY, [content], content_type="a/b", now=NOW)
    pieces = 2 if whole else 0
    leave_index(nodes, index_name(KEY, info.generation or "", pieces), pieces, b"other".ljust(len(content)))
    assert b"".join(store.get(KEY, generation=info.generation)) == content
    assert b"".join(store.get(KEY, offset=900, length=50, generation=info.generation)) == content[900:950]


def test_a_census_keeps_the_blob_and_removes_the_index_of_a_writer_that_gave_way(nodes: Cluster) -> None:
    chunked_file(nodes.core, b"0123456789" * 300)
    index = next(iter(set.union(*map(nodes.names, nodes.nodes))))
    left = leave_index(nodes, index, 2, b"")
    # Copies are made in the first one, and what is garbage in the second one goes in the third.
    for _ in range(3):
        outcome = nodes.census()
        assert outcome is not None
        assert (outcome.complete, outcome.lost_chunks) == (True, 0)
    names = [nodes.names(name) for name in nodes.nodes]
    assert sum(index in each for each in names) == 2
    assert not any(left in each for each in names)
