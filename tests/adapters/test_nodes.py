"""Blobs on file nodes: the contract, on three nodes in threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from storage_adapters import BlobOptions, UnknownStore, open_blob_store
from storage_adapters.blobs.nodes import NodesBlobStore
from storage_adapters.blobs.nodes.room import free_bytes
from tests.contract.blobs import (
    BlobStoreContract,
    CopiesContract,
    FreeSpaceContract,
    ListingContract,
    PublicUrlsContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    WholeWritesContract,
)
from tests.nodes.clusters import OPTIONS, NodesInThreads
from tests.nodes.controller import SmallController


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodesInThreads]:
    with NodesInThreads(tmp_path_factory.mktemp("nodes"), 3) as started:
        yield started


@pytest.fixture
def store(nodes: NodesInThreads) -> Iterator[NodesBlobStore]:
    for node in nodes.nodes:
        node.clear()
    opened = nodes.open()
    yield opened
    opened.close()


class TestNodesBlobStore(
    BlobStoreContract,
    ListingContract,
    WholeWritesContract,
    FreeSpaceContract,
    SignedUrlsContract,
    VerifiedUrlsContract,
    PublicUrlsContract,
    CopiesContract,
):
    """The whole contract."""


@pytest.mark.parametrize(
    "url",
    [
        "nodes://",
        "nodes://host",
        "nodes://host:1,other",
        "nodes://host:1/path",
        "nodes://host:1?copies=0",
        "nodes://host:1?copies=2&min_write=3",
        "nodes://host:1?copies=x",
        "nodes://host:1?timeout=0",
        "nodes://host:1?unknown=1",
        "nodes://user@host:1",
    ],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        open_blob_store(url, OPTIONS)


def test_a_cluster_without_nodes_has_no_blobs() -> None:
    with SmallController() as controller:
        store = open_blob_store(f"nodes://{controller.address}", OPTIONS)
        assert isinstance(store, NodesBlobStore)
        with closing(store):
            assert store.scan(limit=10) == []


@pytest.mark.parametrize("secret", ["", "short"])
def test_a_store_without_a_secret_is_refused(secret: str) -> None:
    options = BlobOptions(signing_key=b"k" * 32, public_url="http://x", nodes_secret=secret)
    with pytest.raises(UnknownStore, match="FILES_NODES_SECRET"):
        open_blob_store("nodes://127.0.0.1:1", options)


@pytest.mark.parametrize(
    ("rooms", "copies", "expected"),
    [
        ([], 2, 0),
        ([10], 2, 10),
        ([10, 4], 3, 4),
        ([10], 1, 10),
        ([10, 4], 2, 4),
        ([10, 10, 10], 2, 15),
        ([100, 1, 1], 2, 2),
        ([9, 9, 9], 3, 9),
        ([100, 5, 3], 3, 3),
    ],
)
def test_the_room_of_a_cluster_is_that_of_all_copies(rooms: list[int], copies: int, expected: int) -> None:
    assert free_bytes(rooms, copies) == expected
