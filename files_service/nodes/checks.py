"""Checks of the nodes of a ``nodes://`` store, with advice to the operator."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from files_service.config import Settings
from storage_adapters import JSON, StorageUnavailable, UnknownStore
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.http import SignedClient
from storage_adapters.blobs.nodes.layouts import LAYOUT_FILE, LayoutSource, kept_layout
from storage_adapters.blobs.nodes.location import Location
from storage_adapters.blobs.nodes.protocol.layout import Layout

LARGEST_SKEW_MS = 30_000
_START = "Start a gateway or `files controller` at the address in FILES_BLOBS_URL."
_SIGN_ALIKE = "Set FILES_NODES_SECRET to that of the controllers, and set the clocks."


def check_nodes(settings: Settings) -> tuple[str, str]:
    """Return a description of the nodes, and advice, "" when they need none."""
    try:
        location, keys = Location.parse(settings.blobs_url), NodeKeys.derive(settings.nodes_secret)
    except UnknownStore as error:
        return str(error), "Correct FILES_BLOBS_URL."
    except ValueError as error:
        return str(error), "Set FILES_NODES_SECRET, the same for all: openssl rand -hex 32."
    with closing(SignedClient(keys)) as client:
        source = LayoutSource(client, location.controllers, None)
        try:
            members, layout = source.members(), source.current()
        except StorageUnavailable as error:
            return f"{error}; {_kept(settings)}", _SIGN_ALIKE if source.refused else _START
    text = f"{len(members)} of {len(layout.registered)} nodes answer; {layout.copies} copies of each chunk"
    return text, " ".join(_advice(layout, members))


def _kept(settings: Settings) -> str:
    """Describe the layout by which the processes of this folder go on."""
    layout = kept_layout(settings.data_dir / LAYOUT_FILE)
    if layout is None:
        return "no layout is known yet"
    active = sum(node.state == "active" for node in layout.nodes)
    return f"uploads and downloads go on by the last layout, of {active} nodes that take chunks"


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
