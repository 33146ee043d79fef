"""Nodes as documents: the last ping of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from files_service.core import Core
from files_service.services.accounts import documents
from storage_adapters import Document, DocumentQuery

COLLECTION = "nodes"
_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Description of a node by itself. ``clock`` is its wall clock in milliseconds, which is shown and never compared.

    ``medium`` names its disk: two nodes with one medium can be lost by one fault.
    """

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
    skew_ms: int = 0

    @property
    def node_id(self) -> str:
        """The id of the node."""
        return self.ping.node_id


def document_of(member: Member, known: Document | None, *, now: int) -> Document:
    """Return the document of a member, over the one that is known. Its address is a unique name."""
    body = {"ping": asdict(member.ping), "sequence": member.sequence, "skew_ms": member.skew_ms}
    fresh = Document(collection=COLLECTION, document_id=member.node_id, updated_at=now)
    return replace(known or fresh, body=body, order=member.node_id, names=(member.ping.url,), updated_at=now)


def member_of(document: Document) -> Member:
    """Return the member in a document."""
    body = document.body
    return Member(ping=ping_of(body["ping"]), sequence=int(body["sequence"]), skew_ms=int(body["skew_ms"]))


def ping_of(body: Mapping[str, Any]) -> Ping:
    """Return the ping in a JSON object; fields of a later version are left out."""
    return Ping(**{each.name: body[each.name] for each in fields(Ping) if each.name in body})


def members(core: Core) -> dict[str, Member]:
    """Return all nodes by id."""
    query = DocumentQuery(collection=COLLECTION, limit=_PAGE)
    found = documents.documents_of(core).walk_documents(query, now=core.clock())
    return {each.document_id: member_of(each) for each in found}


def forget(core: Core, node_id: str) -> None:
    """Delete the document of a node that was removed, so that its address is free. Idempotent."""
    found = documents.find(core, COLLECTION, node_id)
    if found is not None:
        documents.delete(core, found)
