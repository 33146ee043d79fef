"""List of the blobs of all nodes, in the order of the partitions and then of the ids of their indexes."""

from __future__ import annotations

from storage_adapters.blobs.nodes.cluster import Cluster
from storage_adapters.blobs.nodes.description import description_of
from storage_adapters.blobs.nodes.protocol import messages as m
from storage_adapters.blobs.nodes.protocol.effects import Call, Step, Together
from storage_adapters.blobs.nodes.protocol.errors import ChunkUnavailable, ProtocolError
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, partition_of
from storage_adapters.blobs.nodes.protocol.naming import SEPARATOR
from storage_adapters.records import BlobInfo

ATTEMPT_SECONDS = 10.0


def scan(cluster: Cluster, prefix: str, after: str, limit: int) -> list[BlobInfo]:
    """Return up to ``limit`` blobs behind a key; see ``SupportsListing``."""
    found: list[BlobInfo] = []
    while len(found) < limit:
        request = m.ListBlobs(prefix, after, min(limit - len(found) + 1, m.IDS_AT_ONCE))
        infos, last = cluster.run(_page(cluster.layout(), request))
        found += [description_of(info).info for info in infos]
        if not last:
            break
        after = last
    return found[:limit]


def _page(layout: Layout, request: m.ListBlobs) -> Step[tuple[list[str], str]]:
    """Return the texts beside the indexes of the next blobs, and the key of the last one; "": there are no more.

    Raises ChunkUnavailable when so many nodes are silent that a blob may be on these alone.
    """
    if not layout.registered:
        # A new cluster: no node has joined yet.
        return [], ""
    outcomes: list[m.BlobPage | ProtocolError] = yield Together(
        tuple(_ask(node, request) for node in layout.registered)
    )
    pages = [each for each in outcomes if isinstance(each, m.BlobPage)]
    if not pages or len(outcomes) - len(pages) >= layout.min_write:
        raise ChunkUnavailable(f"{len(outcomes) - len(pages)} nodes do not list their blobs")
    # Behind the earliest end of a page, that node may have blobs that others lack.
    ends = [_place(page.last) for page in pages if page.last]
    latest: dict[str, str] = {}
    infos = {chunk_id: info for page in pages for chunk_id, info in page.infos.items()}
    for chunk_id in sorted(infos, key=_place):
        if not ends or _place(chunk_id) <= min(ends):
            latest[_key(chunk_id)] = infos[chunk_id]
    return list(latest.values()), _key(min(ends)[1]) if ends else ""


def _ask(node: Node, request: m.ListBlobs) -> Step[m.BlobPage]:
    reply: m.BlobPage = yield Call(node.node_id, request, ATTEMPT_SECONDS)
    return reply


def _place(chunk_id: str) -> tuple[int, str]:
    return partition_of(chunk_id), chunk_id


def _key(chunk_id: str) -> str:
    return chunk_id.partition(SEPARATOR)[0]
