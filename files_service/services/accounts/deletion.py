"""Deletion of accounts: sessions, keys and links end at once, files after ``KEPT_MS``; an admin may undo it until then.

1. A document plans the deletion before one write marks the account, which is disabled from then on: its sessions and
   keys prove nothing, and its links do not open. A crash in between forgets nothing: the sweep marks the account.
2. The account has an epoch of its own while it is deleted. A plan of another epoch is one that was undone.
3. Once its files may go, one write marks the account as erased, and nothing brings it back. The sweep deletes the rest.
4. The name of an erased account stays taken: others may have given its owner access to files.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from files_service.core import Core
from files_service.domain.identity import Identity
from files_service.errors import Conflict
from files_service.services.accounts import documents, rosters
from files_service.services.accounts.account import Account, account_by_id, change_account, require_account
from files_service.services.accounts.authority import authority_of, managed_account
from files_service.services.accounts.documents import KEYS, MAX_RACES
from files_service.services.accounts.sessions import DAY_MS, forget_ended
from storage_adapters import JSON, Document

DELETIONS = "account_deletions"
KEPT_MS = 14 * DAY_MS


def delete_account(core: Core, actor: str | None, owner: str) -> JSON:
    """Delete an account that the actor manages; repeating the call changes nothing.

    Raises Conflict for the last operator, and the last admin of a tenant; Forbidden, NotFound.
    """
    return _delete(core, managed_account(core, authority_of(core, actor), owner)).shown()


def delete_own(core: Core, identity: Identity) -> JSON:
    """Delete the account of the person. Raises Conflict for the last operator, and the last admin of a tenant."""
    return _delete(core, require_account(core, identity.owner)).shown()


def mark(core: Core, plan: Document) -> Account | None:
    """Mark the account of a plan as deleted; return None when the plan is not of its present epoch."""
    epoch, deleted_at = plan.body["epoch"], plan.body["deleted_at"]

    def decide(before: Account) -> Account:
        if before.deleted_at is not None or before.epoch != epoch:
            return before
        return replace(
            before, deleted_at=deleted_at, disabled_at=before.disabled_at or deleted_at, epoch=epoch + 1, reset=None
        )

    marked = change_account(core, plan.document_id, decide)
    return marked if is_of(plan, marked) else None


def is_of(plan: Document, account: Account | None) -> bool:
    """Return True when an account is deleted by this plan."""
    return account is not None and account.deleted_at is not None and account.epoch == plan.body["epoch"] + 1


def end_credentials(core: Core, account: Account) -> None:
    """Remove what a deleted account signs in with, and its place in the list of its role. Repeating it is harmless."""
    rosters.forget(core, account)
    core.closed_owners.clear()
    forget_ended(core, account)
    for key in documents.walk(core, KEYS, f"{account.account_id}/"):
        documents.delete(core, key)


def erase(core: Core, plan: Document) -> Account | None:
    """Take away for ever what a deleted account has of its person; return None when the deletion was undone."""
    now = core.clock()

    def decide(before: Account) -> Account:
        if not is_of(plan, before) or before.erased_at is not None:
            return before
        return replace(before, erased_at=now, password=None, password_at=None, totp=None, quota_bytes=None)

    erased = change_account(core, plan.document_id, decide)
    return erased if is_of(plan, erased) else None


def require_not_erased(account: Account) -> None:
    """Raise Conflict for an account whose files are gone."""
    if account.erased_at is not None:
        raise Conflict("the account was deleted", {"owner": account.owner})


def order_of(due_at: int) -> str:
    """Return the order key of a plan that is to be looked at then."""
    return f"{due_at:015}"


def _delete(core: Core, account: Account) -> Account:
    if account.deleted_at is not None:
        end_credentials(core, account)
        return account
    rosters.leave(core, account)
    for attempt in range(MAX_RACES):
        marked = mark(core, _plan(core, account))
        if marked is not None:
            end_credentials(core, marked)
            return marked
        core.back_off(attempt)
        account = account_by_id(core, account.account_id) or account
    raise Conflict("too many concurrent changes of the account", {"owner": account.owner})


def _plan(core: Core, account: Account) -> Document:
    now = core.clock()
    body: dict[str, Any] = {"owner": account.owner, "epoch": account.epoch, "deleted_at": now, "ended": False}

    def decide(before: Document | None) -> Document:
        fresh = before or documents.new_document(DELETIONS, account.account_id, {})
        return replace(fresh, body={**fresh.body, **body}, order=order_of(now))

    planned = documents.change(core, DELETIONS, account.account_id, decide)
    assert planned is not None
    return planned
