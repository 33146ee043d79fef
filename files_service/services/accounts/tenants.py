"""Tenants: groups of people that know nothing of each other. The default one, "", needs no document."""

from __future__ import annotations

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, is_tenant
from files_service.errors import Conflict, NotFound, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.authority import authority_of
from files_service.services.accounts.documents import TENANTS
from storage_adapters import JSON, Document, RevisionConflict


def create_tenant(core: Core, name: str, actor: str | None) -> JSON:
    """Create a tenant. Raises Conflict when there is one of this name."""
    authority_of(core, actor).require_tenants()
    if not is_tenant(name):
        raise bad_request("name", "Must be 1 to 32 of a-z, 0-9 and -, not beginning with -.")
    body = {"created_at": core.clock()}
    try:
        return _shown(documents.put(core, documents.new_document(TENANTS, name, body, order=name)))
    except RevisionConflict as error:
        raise Conflict("there is a tenant of this name", {"field": "name"}) from error


def list_tenants(core: Core, actor: str | None) -> list[JSON]:
    """Return all tenants but the default one, by name."""
    authority_of(core, actor).require_tenants()
    return [_shown(each) for each in documents.walk(core, TENANTS, "")]


def require_tenant(core: Core, name: str) -> None:
    """Raise NotFound unless there is a tenant of this name."""
    if name != DEFAULT_TENANT and documents.find(core, TENANTS, name) is None:
        raise NotFound("there is no such tenant", {"tenant": name})


def _shown(document: Document) -> JSON:
    return {"name": document.document_id, "created_at": document.body["created_at"]}
