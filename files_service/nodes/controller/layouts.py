"""The layout: one versioned document that says where chunks belong. Liveness never edits it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from typing import Any

from files_service.core import Core
from files_service.errors import Conflict, NotFound
from files_service.nodes.controller.members import Ping
from files_service.services.accounts import documents
from storage_adapters import JSON, Document, RevisionConflict
from storage_adapters.blobs.nodes.protocol.layout import Layout, Node, NodeState

COLLECTION = "node_layout"
_ID = "layout"
_OUT = "out"
# The states that a node may go to from each; a removed node comes back under a new identity alone.
_NEXT: dict[str, tuple[str, ...]] = {
    "joining": ("active", "removed"),
    "active": ("draining", "removed"),
    "draining": ("active", "removed"),
    "removed": (),
}


class Layouts:
    """The layout in the store of documents. ``copies`` and ``min_write`` are those of a layout that is made now."""

    def __init__(self, core: Core, *, copies: int = 2, min_write: int = 2) -> None:
        self._core = core
        self.empty = Layout(version=0, copies=copies, min_write=min_write, nodes=())

    def load(self) -> Layout:
        """Return the layout, one without nodes before the first has joined."""
        found = documents.find(self._core, COLLECTION, _ID)
        return self.empty if found is None else layout_from_wire(found.body)

    def require_welcome(self, ping: Ping) -> None:
        """Raise Conflict for a node that was removed, and one of another cluster."""
        found = documents.find(self._core, COLLECTION, _ID)
        if found is not None:
            _require_welcome(layout_from_wire(found.body), str(found.body["cluster"]), ping)

    def join(self, ping: Ping) -> Layout:
        """Return the layout with a node as it describes itself. Raises Conflict as ``require_welcome``."""

        def decide(layout: Layout, cluster: str) -> Layout:
            _require_welcome(layout, cluster, ping)
            told = Node(ping.node_id, ping.url, ping.zone, ping.weight, state="joining")
            known = _find(layout, ping.node_id)
            if known is None:
                return replace(layout, nodes=(*layout.nodes, told))
            return _with(layout, replace(told, state=known.state))

        return self._change(decide, cluster=ping.cluster)

    def set_state(self, node_id: str, state: NodeState, *, accept_fewer_copies: bool = False) -> Layout:
        """Move a node to a state. Idempotent.

        Raises NotFound, Conflict for a state that does not follow its own, and Conflict as ``require_enough`` for one
        without new chunks unless ``accept_fewer_copies``.
        """

        def decide(layout: Layout, cluster: str) -> Layout:
            known = _find(layout, node_id)
            if known is None:
                raise NotFound("no such node", {"id": node_id})
            if state != known.state and state not in _NEXT[known.state]:
                raise Conflict(f"the node is {known.state}", {"id": node_id, "state": known.state})
            if state != known.state and state in ("draining", "removed") and not accept_fewer_copies:
                require_enough(layout, node_id, out)
            return _with(layout, replace(known, state=state))

        out = self.out()
        return self._change(decide)

    def out(self) -> list[str]:
        """Return the nodes in whose place others get copies: since a long silence, until a census has cleared them."""
        found = documents.find(self._core, COLLECTION, _OUT)
        return [] if found is None else list(found.body["node_ids"])

    def set_out(self, node_ids: Iterable[str], *, instead_of: Iterable[str]) -> bool:
        """Set these nodes; return False when another controller was faster, so that one at a time goes out."""
        found = documents.find(self._core, COLLECTION, _OUT)
        if (list(found.body["node_ids"]) if found is not None else []) != sorted(instead_of):
            return False
        fresh = found or Document(collection=COLLECTION, document_id=_OUT, updated_at=self._core.clock())
        try:
            documents.put(self._core, replace(fresh, body={"node_ids": sorted(node_ids)}))
        except RevisionConflict:
            return False
        return True

    def _change(self, decide: Callable[[Layout, str], Layout], *, cluster: str = "") -> Layout:
        """Decide on the layout as stored, and store the outcome under the next version when it differs."""

        def on_document(found: Document | None) -> Document | None:
            before = self.empty if found is None else layout_from_wire(found.body)
            known = str(found.body.get("cluster", "")) if found is not None else ""
            after = decide(before, known)
            if after == before and (known or not cluster):
                return None
            body = {**layout_to_wire(replace(after, version=before.version + 1)), "cluster": known or cluster}
            fresh = Document(collection=COLLECTION, document_id=_ID, updated_at=self._core.clock())
            return replace(found or fresh, body=body)

        stored = documents.change(self._core, COLLECTION, _ID, on_document)
        return self.empty if stored is None else layout_from_wire(stored.body)


def require_enough(layout: Layout, node_id: str, out: Iterable[str]) -> None:
    """Raise Conflict when too few other nodes take chunks for the copies of those of a node."""
    known = _find(layout, node_id)
    gone = {node_id, *out}
    left = sum(node.state == "active" and node.node_id not in gone for node in layout.nodes)
    # A node that never was active has no chunks.
    if known is not None and known.state in ("active", "draining") and left < layout.copies:
        message = (
            f"{left} other nodes take chunks, too few for {layout.copies} copies: start more nodes first, or accept it"
            " by --accept-fewer-copies"
        )
        raise Conflict(message, {"id": node_id, "active": left, "copies": layout.copies})


def layout_to_wire(layout: Layout) -> JSON:
    """Return the JSON form of a layout."""
    return asdict(layout)


def layout_from_wire(body: Any) -> Layout:
    """Return the layout in a JSON object."""
    names = ("node_id", "url", "zone", "weight", "state")
    nodes = tuple(Node(**{name: each[name] for name in names}) for each in body["nodes"])
    return Layout(version=body["version"], copies=body["copies"], min_write=body["min_write"], nodes=nodes)


def _require_welcome(layout: Layout, cluster: str, ping: Ping) -> None:
    if ping.cluster and cluster and ping.cluster != cluster:
        raise Conflict("the node is of another cluster", {"field": "cluster", "reason": "cluster"})
    known = _find(layout, ping.node_id)
    if known is not None and known.state == "removed":
        message = "the node was removed: empty its folder, or take another, and start it with --init as a new node"
        raise Conflict(message, {"field": "id", "id": ping.node_id, "reason": "removed"})


def _find(layout: Layout, node_id: str) -> Node | None:
    return next((node for node in layout.nodes if node.node_id == node_id), None)


def _with(layout: Layout, changed: Node) -> Layout:
    nodes = tuple(changed if node.node_id == changed.node_id else node for node in layout.nodes)
    return replace(layout, nodes=nodes)
