"""Tenants: groups of people that know nothing of each other. The default one, "", has a document if it has a quota."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, is_tenant
from files_service.errors import Conflict, NotFound, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.authority import authority_of
from files_service.services.accounts.documents import TENANTS
from files_service.services.accounts.repeats import name_of
from storage_adapters import JSON, Document, RevisionConflict

# No tenant has this name.
_DEFAULT_ID = "-"


def create_tenant(core: Core, name: str, actor: str | None, request_id: str | None = None) -> JSON:
    """Create a tenant. Raises Conflict when there is one of this name that another request made."""
    authority_of(core, actor).require_tenants()
    if not is_tenant(name):
        raise bad_request("name", "Must be 1 to 32 of a-z, 0-9 and -, not beginning with -.")
    request = name_of(core, request_id, "tenant", actor)
    body = {"created_at": core.clock(), **({} if request is None else {"request": request})}
    try:
        return _shown(documents.put(core, documents.new_document(TENANTS, name, body, order=name)))
    except RevisionConflict as error:
        found = documents.find(core, TENANTS, name)
        if request is not None and found is not None and found.body.get("request") == request:
            return _shown(found)
        raise Conflict("there is a tenant of this name", {"field": "name"}) from error


def list_tenants(core: Core, actor: str | None) -> list[JSON]:
    """Return all tenants but the default one, by name."""
    authority_of(core, actor).require_tenants()
    found = documents.walk(core, TENANTS, "")
    return [_shown(each) for each in found if each.document_id != _DEFAULT_ID]


def require_tenant(core: Core, name: str) -> None:
    """Raise NotFound unless there is a tenant of this name."""
    if name != DEFAULT_TENANT and documents.find(core, TENANTS, name) is None:
        raise no_such_tenant(name)


def no_such_tenant(name: str) -> NotFound:
    """Make the error of a tenant that does not exist, or of which an admin of another one must not know."""
    return NotFound("there is no such tenant", {"tenant": name})


def quota_of_tenant(core: Core, name: str) -> int:
    """Return the quota of a tenant in bytes, 0 without one."""
    document = documents.find(core, TENANTS, name or _DEFAULT_ID)
    return int(document.body.get("quota_bytes") or 0) if document is not None else 0


def change_tenant(core: Core, name: str, fields: Mapping[str, Any]) -> JSON:
    """Set fields of a tenant's document. Raises NotFound."""

    def decide(before: Document | None) -> Document:
        if before is None and name != DEFAULT_TENANT:
            raise no_such_tenant(name)
        document = before or documents.new_document(TENANTS, _DEFAULT_ID, {"created_at": core.clock()})
        return replace(document, body={**document.body, **fields})

    changed = documents.change(core, TENANTS, name or _DEFAULT_ID, decide)
    assert changed is not None
    return _shown(changed)


def _shown(document: Document) -> JSON:
    return {
        "name": "" if document.document_id == _DEFAULT_ID else document.document_id,
        "created_at": document.body["created_at"],
        "quota_bytes": document.body.get("quota_bytes") or 0,
    }
