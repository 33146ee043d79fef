"""What an operator should mend of the nodes of a ``nodes://`` store."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from files_service.config import Settings
from storage_adapters import JSON
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.http import SignedClient
from storage_adapters.blobs.nodes.layouts import LayoutSource
from storage_adapters.blobs.nodes.location import Location
from storage_adapters.blobs.nodes.protocol.layout import Layout
from storage_adapters.errors import StorageUnavailable, UnknownStore

LARGEST_SKEW_MS = 30_000


def check_nodes(settings: Settings) -> tuple[str, str]:
    """Return what the nodes are, and what should be done about them, "" for nothing."""
    try:
        location = Location.parse(settings.blobs_url)
        with closing(SignedClient(NodeKeys.derive(settings.nodes_secret))) as client:
            source = LayoutSource(client, location.controllers, None)
            layout, members = source.current(), source.members()
    except (UnknownStore, StorageUnavailable) as error:
        return str(error), "Start a gateway or `files controller` at the address in FILES_BLOBS_URL."
    except ValueError as error:
        return str(error), "Set FILES_NODES_SECRET, the same for all: openssl rand -hex 32."
    text = f"{len(members)} of {len(layout.registered)} nodes answer; {layout.copies} copies of each chunk"
    return text, " ".join(_advice(layout, members))


def _advice(layout: Layout, members: list[JSON]) -> list[str]:
    found = []
    active = [node for node in layout.nodes if node.state == "active"]
    silent = {node.node_id for node in layout.registered} - {each["id"] for each in members}
    if silent:
        found.append(f"Start the nodes that are silent: {', '.join(sorted(silent))}.")
    if len(active) < layout.copies:
        found.append(f"Start more nodes: {len(active)} take chunks.")
    elif len({node.zone for node in active}) < layout.copies:
        found.append("Give the nodes zones: there are fewer zones than copies.")
    media = Counter((_host(each["url"]), each["medium"]) for each in members if each["medium"])
    for (host, _), count in sorted(media.items()):
        if count > 1:
            found.append(f"Give each node a disk of its own: {count} nodes of {host} share one.")
    for each in members:
        if each["read_only"]:
            found.append(f"Replace the disk of node {each['id']}: it fails.")
        if abs(each["skew_ms"]) > LARGEST_SKEW_MS:
            found.append(f"Set the clock of node {each['id']}: it is {each['skew_ms'] // 1000} s behind.")
    return found


def _host(url: str) -> str:
    return url.partition("://")[2].rpartition(":")[0]
