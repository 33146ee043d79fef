"""Nodes as documents: what each last said of itself, and what the controllers know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from files_service.core import Core
from files_service.services.accounts import documents
from storage_adapters import Document, DocumentQuery

COLLECTION = "nodes"
_PAGE = 100


class Presence(StrEnum):
    """Presence of a node: it pings, it does not, or it does again and no census has looked at it since."""

    PRESENT = "present"
    SILENT = "silent"
    RETURNING = "returning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """What a node says of itself. ``clock`` is its wall clock in milliseconds, which is shown and never compared."""

    node_id: str
    boot: str
    boots: int
    url: str
    cluster: str = ""
    zone: str = ""
    weight: float = 1.0
    free: int = 0
    total: int = 0
    epoch: int = 0
    clock: int = 0
    digest_root: str = ""
    complete: bool = True
    read_only: bool = False
    medium: str = ""
    oldest_unverified_seconds: float = 0.0
    damaged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A node that the controllers know. ``sequence`` counts its pings; ``skew_ms`` is that of its clock to ours."""

    ping: Ping
    sequence: int = 1
    presence: Presence = Presence.PRESENT
    skew_ms: int = 0

    @property
    def node_id(self) -> str:
        """The id of the node."""
        return self.ping.node_id


def document_of(member: Member, known: Document | None, *, now: int) -> Document:
    """Return the document of a member, over the one that is known. Its address is a unique name."""
    ping = asdict(member.ping)
    body = {"ping": ping, "sequence": member.sequence, "presence": member.presence.value, "skew_ms": member.skew_ms}
    fresh = Document(collection=COLLECTION, document_id=member.node_id, updated_at=now)
    return replace(known or fresh, body=body, order=member.node_id, names=(member.ping.url,), updated_at=now)


def member_of(document: Document) -> Member:
    """Return the member in a document."""
    body = document.body
    return Member(
        ping=ping_of(body["ping"]),
        sequence=int(body["sequence"]),
        presence=Presence(body["presence"]),
        skew_ms=int(body["skew_ms"]),
    )


def ping_of(body: Mapping[str, Any]) -> Ping:
    """Return the ping in a JSON object; fields of a later version are left out."""
    return Ping(**{each.name: body[each.name] for each in fields(Ping) if each.name in body})


def members(core: Core) -> dict[str, Member]:
    """Return all nodes by id."""
    query = DocumentQuery(collection=COLLECTION, limit=_PAGE)
    found = documents.documents_of(core).walk_documents(query, now=core.clock())
    return {each.document_id: member_of(each) for each in found}


def set_presence(core: Core, node_id: str, presence: Presence, *, sequence: int | None = None) -> bool:
    """Set the presence of a node; with ``sequence``, only while that is its last ping. Return True when it changed."""
    changed = False

    def decide(found: Document | None) -> Document | None:
        nonlocal changed
        changed = False
        if found is None:
            return None
        member = member_of(found)
        if member.presence is presence or sequence not in (None, member.sequence):
            return None
        changed = True
        return document_of(replace(member, presence=presence), found, now=core.clock())

    documents.change(core, COLLECTION, node_id, decide)
    return changed


def forget(core: Core, node_id: str) -> None:
    """Delete the document of a node that was removed. Idempotent."""
    found = documents.find(core, COLLECTION, node_id)
    if found is not None:
        documents.delete(core, found)
