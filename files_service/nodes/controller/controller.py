"""The controller of one process: its register, layout and liveness over the documents that all controllers share."""

from __future__ import annotations

import math
from dataclasses import asdict
from functools import cached_property
from urllib.parse import parse_qs, urlsplit

from files_service.core import Core
from files_service.errors import NotSupported, Unauthorized
from files_service.nodes.controller.layouts import Layouts, layout_to_wire
from files_service.nodes.controller.liveness import Liveness
from files_service.nodes.controller.members import Member, Ping, members
from files_service.nodes.controller.nodes import Nodes
from files_service.nodes.controller.registration import PING_SECONDS, register
from storage_adapters import JSON
from storage_adapters.blobs.nodes.authentication import NodeKeys
from storage_adapters.blobs.nodes.protocol.liveness import ACTIVE_SECONDS

_SCHEME = "nodes"


class Controller:
    """The calls of the door of nodes. Safe for several threads; it keeps nothing that another controller would need."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.layouts = Layouts(core, **copies_of(core.settings.blobs_url))
        self.liveness = Liveness(core.timer)

    @property
    def has_nodes(self) -> bool:
        """True where the blobs of the service are on nodes."""
        return urlsplit(self.core.settings.blobs_url).scheme == _SCHEME

    @cached_property
    def nodes(self) -> Nodes:
        """The connections to the nodes."""
        return Nodes(self.keys)

    def close(self) -> None:
        """Close the connections. Closing twice is harmless."""
        if "nodes" in self.__dict__:
            self.nodes.close()

    @cached_property
    def keys(self) -> NodeKeys:
        """The keys of the cluster. Raises Unauthorized without a secret, so that nobody passes for a node."""
        if not self.core.settings.nodes_secret:
            raise Unauthorized("this service has no nodes")
        return NodeKeys.derive(self.core.settings.nodes_secret)

    def ping(self, ping: Ping) -> JSON:
        """Create or update a node; return what it must know. Raises Conflict for a duplicate."""
        done = register(self.core, self.layouts, ping, is_live=self._is_live)
        self.liveness.observe(done.member)
        return {
            "id": ping.node_id,
            "created": done.created,
            "state": done.state,
            "layout_version": done.layout_version,
            "ping_seconds": PING_SECONDS,
            "active_seconds": ACTIVE_SECONDS,
        }

    def active_nodes(self) -> JSON:
        """Return the nodes that ping, with what each last said of itself."""
        layout, found = self.layouts.load(), members(self.core)
        silence, out = self.liveness.observe_all(found), self.layouts.out()
        nodes = [
            {
                "id": node.node_id,
                "state": node.state,
                "presence": "returning" if node.node_id in out else "present",
                "silent_seconds": round(silence[node.node_id], 1),
                "skew_ms": found[node.node_id].skew_ms,
                **{name: value for name, value in asdict(found[node.node_id].ping).items() if name in _SHOWN},
            }
            for node in layout.registered
            if silence.get(node.node_id, math.inf) <= ACTIVE_SECONDS
        ]
        return {"layout_version": layout.version, "nodes": nodes}

    def layout(self) -> JSON:
        """Return the layout, and the nodes that are out."""
        return {**layout_to_wire(self.layouts.load()), "out": self.layouts.out()}

    def _is_live(self, member: Member) -> bool:
        return self.liveness.observe(member) <= ACTIVE_SECONDS


_SHOWN = (
    "boot",
    "boots",
    "url",
    "zone",
    "weight",
    "free",
    "total",
    "complete",
    "read_only",
    "medium",
    "epoch",
    "clock",
)


def copies_of(blobs_url: str) -> dict[str, int]:
    """Return the numbers of copies in the URL of the blob store, which a new layout gets. Raises NotSupported."""
    parts = urlsplit(blobs_url)
    query = parse_qs(parts.query) if parts.scheme == _SCHEME else {}
    try:
        copies = int(query.get("copies", ["2"])[0])
        min_write = int(query.get("min_write", [str(min(2, copies))])[0])
    except ValueError as error:
        raise NotSupported("the numbers of copies in FILES_BLOBS_URL are not numbers") from error
    return {"copies": copies, "min_write": min_write}
