"""The operators, and the admins of each tenant, as one document each: the last one cannot be removed.

Several accounts cannot be changed in one write, so the list decides: a role is taken from it before it is taken from
the account, and is added to it after the account has it. A crash in between leaves the list shorter, never longer,
than the truth, and repeating the change mends it.
"""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.accounts import Role
from files_service.errors import Conflict
from files_service.services.accounts import documents
from files_service.services.accounts.account import Account
from files_service.services.accounts.documents import ROSTERS
from storage_adapters import Document


def enter(core: Core, account: Account) -> None:
    """Add an account to the list of its role. Repeating it is harmless."""
    if account.role is Role.USER or account.disabled_at is not None:
        return
    roster_id = _roster_of(account)

    def decide(before: Document | None) -> Document | None:
        document = before or documents.new_document(ROSTERS, roster_id, {"members": []})
        members = document.body["members"]
        return document if account.account_id in members else _with(document, [*members, account.account_id])

    documents.change(core, ROSTERS, roster_id, decide)


def leave(core: Core, account: Account) -> None:
    """Remove an account from the list of its role, before it loses the role. Raises Conflict for the last one."""
    if account.role is Role.USER or account.disabled_at is not None:
        return

    def decide(before: Document | None) -> Document | None:
        members = before.body["members"] if before is not None else []
        rest = [each for each in members if each != account.account_id]
        if not rest:
            raise Conflict(f"the last {account.role.value} cannot be removed", {"field": "role"})
        return _with(before, rest) if before is not None else None

    documents.change(core, ROSTERS, _roster_of(account), decide)


def forget(core: Core, account: Account) -> None:
    """Remove an account that has lost its role from the list of that role. Repeating it is harmless."""
    if account.role is Role.USER:
        return

    def decide(before: Document | None) -> Document | None:
        if before is None:
            return None
        return _with(before, [each for each in before.body["members"] if each != account.account_id])

    documents.change(core, ROSTERS, _roster_of(account), decide)


def _with(document: Document, members: list[str]) -> Document:
    return replace(document, body={**document.body, "members": members})


def _roster_of(account: Account) -> str:
    return "operators" if account.role is Role.OPERATOR else f"admins of {account.tenant}"
