"""Management of people by admins and operators."""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.accounts import Role
from files_service.errors import Forbidden
from files_service.services.accounts import documents, rosters
from files_service.services.accounts.account import (
    Account,
    account_of_document,
    change_account,
    require_account,
)
from files_service.services.accounts.authority import authority_of, known_account, managed_account
from files_service.services.accounts.deletion import require_not_erased
from files_service.services.accounts.documents import ACCOUNTS
from files_service.services.accounts.passwords import make_reset
from files_service.services.accounts.quotas import quotas_of
from files_service.services.accounts.sessions import forget_ended
from storage_adapters import JSON, DocumentPosition, DocumentQuery


def list_accounts(
    core: Core, actor: str | None, *, tenant: str | None, limit: int, after: str | None, beginning: str, usage: bool
) -> JSON:
    """Return a page of a tenant's accounts, by name; ``after`` is the name behind which the page begins.

    All their names have the same ``beginning``. With ``usage`` each says what it stores.
    """
    authority = authority_of(core, actor)
    tenant = authority.tenant_or_own(tenant)
    authority.require_people(tenant)
    prefix = f"{tenant}/"
    position = DocumentPosition(f"{prefix}{after}", "\U0010ffff") if after else None
    query = DocumentQuery(collection=ACCOUNTS, prefix=f"{prefix}{beginning}", limit=limit, after=position)
    page = documents.documents_of(core).find_documents(query, now=core.clock())
    following = page.next_position.order.removeprefix(prefix) if page.next_position is not None else None
    accounts = [account_of_document(each) for each in page.documents]
    return {"accounts": [_shown(core, each, usage=usage) for each in accounts], "next_cursor": following}


def account_info(core: Core, actor: str | None, owner: str, *, usage: bool) -> JSON:
    """Return an account: one's own, or one that the actor manages; with ``usage`` also what it stores."""
    if actor == owner:
        return _shown(core, require_account(core, owner), usage=usage)
    return _shown(core, known_account(core, authority_of(core, actor), owner), usage=usage)


def update_account(
    core: Core, actor: str | None, owner: str, *, role: Role | None = None, disabled: bool | None = None
) -> JSON:
    """Change the role of an account, or disable or enable it, which undoes its deletion. Sessions and keys follow.

    Raises Conflict for the last operator, the last admin of a tenant, an account that is erased; Forbidden, NotFound.
    """
    authority = authority_of(core, actor)
    account = managed_account(core, authority, owner)
    if role is not None:
        authority.require_new_role(role)
    now = core.clock()

    def decide(before: Account) -> Account:
        require_not_erased(before)
        disabled_at, deleted_at = before.disabled_at, before.deleted_at
        if disabled is not None:
            disabled_at = (disabled_at or now) if disabled else None
            deleted_at = deleted_at if disabled else None
        # Disabled and enabled again, the account has no session from before.
        epoch = before.epoch + (disabled_at is not None and before.disabled_at is None)
        return replace(before, role=role or before.role, disabled_at=disabled_at, deleted_at=deleted_at, epoch=epoch)

    wanted = decide(account)
    loses = wanted.role is not account.role or wanted.disabled_at is not None
    if loses:
        rosters.leave(core, account)
    changed = change_account(core, account.account_id, decide)
    if loses:
        # Another change of the account may have entered it meanwhile.
        rosters.forget(core, account)
    rosters.enter(core, changed)
    core.closed_owners.clear()
    forget_ended(core, changed)
    return changed.shown()


def reset_account(core: Core, actor: str | None, owner: str, request_id: str | None = None) -> JSON:
    """Make a one-time link by which the person sets a new password, or find that of the same request.

    Raises Forbidden, NotFound.
    """
    authority = authority_of(core, actor)
    account = managed_account(core, authority, owner)
    authority.require_person()
    if account.disabled_at is not None:
        raise Forbidden("the account is disabled", {"owner": owner})
    code, expires_at = make_reset(core, account, None if actor is None else str(actor), request_id)
    return {"owner": owner, "code": code, "expires_at": expires_at}


def _shown(core: Core, account: Account, *, usage: bool) -> JSON:
    if not usage:
        return account.shown()
    stored, quota = core.metadata.usage(account.owner), quotas_of(core, account.owner).owner
    return {**account.shown(), "usage": {"bytes": stored.bytes, "files": stored.total.files, "quota_bytes": quota}}
