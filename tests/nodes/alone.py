"""A node without server, controller and threads: its rules over its disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from files_service.nodes.chunk_bodies import FileRange
from files_service.nodes.identity import MARKER
from files_service.nodes.node import FileNode, initialize
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.calls import NodeCaller
from storage_adapters.blobs.nodes.http import SignedClient, hash_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.layout import partition_of
from tests.nodes.controller import SECRET
from tests.waiting import PATIENCE_SECONDS, wait_until


@contextmanager
def node_in(root: Path, *, cluster: str = "files") -> Iterator[FileNode]:
    """Run the node of a folder, which becomes that of a node the first time; it stops in order."""
    if not (root / MARKER).exists():
        initialize(root, cluster)
    with closing(SignedClient(NodeKeys.derive(SECRET))) as client:
        node = FileNode(root, cluster, NodeCaller(client), floor_bytes=0)
        try:
            yield node
        finally:
            node.close()


def put(node: FileNode, chunk_id: str, data: bytes = b"data", **more: Any) -> m.Reply:
    """Store a chunk."""
    return node.answer(m.PutChunk(chunk_id, hash_of(data), data, **more))


def get(node: FileNode, chunk_id: str) -> bytes | None:
    """Return the bytes of a chunk, None when it is absent."""
    return read(node, m.GetChunk(chunk_id))


def read(node: FileNode, request: m.GetChunk | m.GetIndex) -> bytes | None:
    """Return the bytes that a request asks for, None when they are absent."""
    reply = node.answer(request)
    if not isinstance(reply, m.ChunkData):
        return None
    piece = reply.data
    assert isinstance(piece, FileRange)
    with piece.file:
        piece.file.seek(piece.start)
        return piece.file.read(piece.length)


def listed(node: FileNode) -> set[str]:
    """Return the chunks that the node lists."""
    sums = node.answer(m.GetInventory())
    assert isinstance(sums, m.Inventory)
    pages = [node.answer(m.GetPartition(number)) for number in sums.partitions]
    return {chunk_id for page in pages if isinstance(page, m.InventoryPage) for chunk_id in page.entries}


def path_of(node: FileNode, chunk_id: str) -> Path:
    """Return the file of a chunk."""
    return node.disk.path_of(partition_of(chunk_id), chunk_id)


def complete(node: FileNode) -> None:
    """Let the node do what it does by itself, and wait until it knows its disk."""
    node.start()
    wait_until(lambda: node.driver.complete, seconds=PATIENCE_SECONDS)
