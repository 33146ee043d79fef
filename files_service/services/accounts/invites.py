"""Invites: codes by which people make accounts of their own, and the setup code of the first one."""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, Role
from files_service.errors import Conflict, NotFound, Unauthorized
from files_service.services.accounts import documents
from files_service.services.accounts.account import accounts_exist, find_account
from files_service.services.accounts.authority import authority_of, still_manages
from files_service.services.accounts.documents import INVITES, hash_of, new_secret
from files_service.services.accounts.repeats import secret_of
from files_service.services.accounts.tenants import require_tenant
from storage_adapters import JSON, Document, RevisionConflict

SETUP_MS = 86_400_000
_SETUP = "setup"
_SHOWN = ("invite_id", "tenant", "role", "uses", "created_at")


def create_invite(
    core: Core,
    actor: str | None,
    *,
    tenant: str | None,
    role: Role,
    uses: int,
    expires_at: int,
    request_id: str | None = None,
) -> JSON:
    """Make an invite, or find that of the same request; the answers alone have its code.

    Raises Forbidden, NotFound, and Conflict when the earlier request made another invite.
    """
    authority = authority_of(core, actor)
    tenant = authority.tenant_or_own(tenant)
    authority.require_people(tenant)
    authority.require_new_role(role)
    require_tenant(core, tenant)
    maker = None if actor is None else str(actor)
    code = secret_of(core, request_id, "invite", maker)
    return _create(core, code, tenant=tenant, role=role, uses=uses, expires_at=expires_at, maker=maker)


def create_setup(core: Core) -> str | None:
    """Make the code by which the first account, an operator, is made; None when there is an account.

    A code that was made before ends.
    """
    if accounts_exist(core):
        return None
    former = documents.find_by_name(core, INVITES, _SETUP)
    if former is not None:
        documents.delete(core, former)
    code: str = _create(
        core,
        new_secret(),
        tenant=DEFAULT_TENANT,
        role=Role.OPERATOR,
        uses=1,
        expires_at=core.clock() + SETUP_MS,
        names=(_SETUP,),
    )["code"]
    return code


def list_invites(core: Core, actor: str | None, tenant: str | None) -> list[JSON]:
    """Return the invites of a tenant without their codes, oldest first."""
    authority = authority_of(core, actor)
    tenant = authority.tenant_or_own(tenant)
    authority.require_people(tenant)
    return [_shown(each) for each in documents.walk(core, INVITES, f"{tenant}/") if not is_setup(each)]


def revoke_invite(core: Core, actor: str | None, invite_id: str) -> None:
    """End an invite. Raises NotFound."""
    authority = authority_of(core, actor)
    authority.require_manager()
    document = documents.find_by_name(core, INVITES, invite_id)
    missing = NotFound("there is no such invite", {"invite_id": invite_id[:100]})
    if document is None or is_setup(document):
        raise missing
    authority.require_people(document.body["tenant"], missing)
    while document is not None and not documents.delete(core, document):
        document = documents.find(core, INVITES, document.document_id)


def require_invite(core: Core, code: str) -> Document:
    """Return the invite of a code, unused. Raises Unauthorized, also when its maker may not invite any more."""
    document = documents.find(core, INVITES, hash_of(code))
    if document is None or (is_setup(document) and accounts_exist(core)):
        raise _ended()
    body = document.body
    if not still_manages(core, body.get("made_by"), body["tenant"], Role(body["role"])):
        raise _ended()
    return document


def is_setup(invite: Document) -> bool:
    """Return True for the code that makes the first account."""
    return _SETUP in invite.names


def take_use(core: Core, invite: Document, owner: str) -> None:
    """Use an invite for an account that is about to be made; again for the same account it is one use.

    Raises Unauthorized when no use is left.
    """

    def decide(before: Document | None) -> Document | None:
        if before is None:
            raise _ended()
        takers = before.body["takers"]
        if owner in takers:
            return None
        if len(takers) >= before.body["uses"]:
            raise _ended()
        return replace(before, body={**before.body, "takers": [*takers, owner]})

    documents.change(core, INVITES, invite.document_id, decide)


def give_back(core: Core, invite: Document, owner: str) -> None:
    """Free the use of an account that could not be made, unless it was made by this invite before."""
    made = find_account(core, owner)
    if made is not None and made.invite_id == invite.body["invite_id"]:
        return

    def decide(before: Document | None) -> Document | None:
        if before is None:
            return None
        return replace(before, body={**before.body, "takers": [e for e in before.body["takers"] if e != owner]})

    documents.change(core, INVITES, invite.document_id, decide)


def _create(
    core: Core,
    code: str,
    *,
    tenant: str,
    role: Role,
    uses: int,
    expires_at: int,
    maker: str | None = None,
    names: tuple[str, ...] = (),
) -> JSON:
    invite_id = core.new_id()
    body: JSON = {
        "invite_id": invite_id,
        "tenant": tenant,
        "role": role.value,
        "uses": uses,
        "takers": [],
        "made_by": maker,
        "created_at": core.clock(),
    }
    document = documents.new_document(
        INVITES,
        hash_of(code),
        body,
        order=f"{tenant}/{invite_id}",
        names=(invite_id, *names),
        expires_at=expires_at,
    )
    try:
        made = documents.put(core, document)
    except RevisionConflict:
        made = _made_earlier(core, document)
    return {**_shown(made), "code": code}


def _made_earlier(core: Core, draft: Document) -> Document:
    """Return the invite of a code that the same request made before. Raises Conflict for another one."""
    found = documents.find(core, INVITES, draft.document_id)
    if found is None or any(found.body[name] != draft.body[name] for name in ("tenant", "role", "uses")):
        raise Conflict("this request_id was used for another invite", {"field": "request_id"})
    return found


def _shown(document: Document) -> JSON:
    body = document.body
    shown = {name: body[name] for name in _SHOWN}
    return {**shown, "uses_left": body["uses"] - len(body["takers"]), "expires_at": document.expires_at}


def _ended() -> Unauthorized:
    return Unauthorized("the invite was used, was revoked, or has expired")
