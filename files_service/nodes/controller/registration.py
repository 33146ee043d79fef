"""Registration of nodes by their pings, and the fencing of a second process with the identity of the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.errors import Conflict
from files_service.nodes.controller.layouts import Layouts
from files_service.nodes.controller.members import COLLECTION, Member, Ping, document_of, member_of
from files_service.services.accounts import documents
from storage_adapters import Document, NameTaken
from storage_adapters.blobs.nodes.protocol.liveness import ACTIVE_SECONDS

PING_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Registered:
    """The outcome of a ping: the member, its state in the layout, and if this was its first."""

    member: Member
    state: str
    layout_version: int
    created: bool


def register(core: Core, layouts: Layouts, ping: Ping, *, is_live: Callable[[Member], bool]) -> Registered:
    """Create or update a node. Raises Conflict for a duplicate, a node of another cluster, and a removed one.

    ``is_live`` tells whether this controller has lately seen the process that the document is of.
    """
    layouts.require_welcome(ping)
    created = False

    def decide(found: Document | None) -> Document:
        nonlocal created
        created = found is None
        before = member_of(found) if found is not None else None
        if before is not None:
            _fence(before, ping, is_live)
        return document_of(_after(before, ping, now=core.clock()), found, now=core.clock())

    try:
        stored = documents.change(core, COLLECTION, ping.node_id, decide)
    except NameTaken as taken:
        details = {"field": "url", "id": taken.file_id, "reason": "url"}
        raise Conflict("another node has this address", details) from None
    assert stored is not None
    # Only now: a copy of a folder must not move its node in the layout.
    layout = layouts.join(ping)
    return Registered(member_of(stored), layout.node(ping.node_id).state, layout.version, created)


def _fence(before: Member, ping: Ping, is_live: Callable[[Member], bool]) -> None:
    """Raise Conflict for a process that has the identity of another one.

    A later start at the same address is the successor of the one before, which cannot listen there any more. At
    another address it may be a copy of the folder, unless the process before it is silent.
    """
    known = before.ping
    if ping.boot == known.boot:
        return
    details = {"field": "boot", "id": ping.node_id, "boots": known.boots}
    if ping.boots <= known.boots:
        raise Conflict(
            "a later start of this node is known: this is a copy of its folder", {**details, "reason": "boots"}
        )
    if ping.url != known.url and is_live(before):
        message = "this node runs at another address: this is a copy of its folder"
        raise Conflict(message, {**details, "reason": "live", "retry_after_seconds": int(ACTIVE_SECONDS)})


def _after(before: Member | None, ping: Ping, *, now: int) -> Member:
    # Shown to the operator; no decision compares clocks of two machines.
    skew = now - ping.clock if ping.clock else 0
    if before is None:
        return Member(ping=ping, skew_ms=skew)
    return replace(before, ping=ping, sequence=before.sequence + 1, skew_ms=skew)
