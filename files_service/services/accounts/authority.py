"""The right to manage people: read from the account at each call, so that a demotion counts at once."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, Role, may_grant, may_manage
from files_service.errors import Forbidden, NotFound
from files_service.services.accounts.account import Account, find_account


@dataclass(frozen=True, slots=True)
class Authority:
    """Role and tenant of somebody who manages people."""

    role: Role
    tenant: str

    @property
    def is_operator(self) -> bool:
        """True for operators and the trusted system."""
        return self.role is Role.OPERATOR

    def require_people(self, tenant: str) -> None:
        """Raise NotFound for the people of another tenant: it must not be told that they exist."""
        if not may_manage(self.role, tenant, of_tenant=self.tenant):
            if self.role is Role.USER:
                raise Forbidden("only an administrator may do this")
            raise NotFound("there is no such account")

    def require_tenants(self) -> None:
        """Raise Forbidden for all but operators."""
        if not self.is_operator:
            raise Forbidden("only an operator may do this")

    def require_grant(self, role: Role) -> None:
        """Raise Forbidden for a role above the own one."""
        if not may_grant(self.role, role):
            raise Forbidden("nobody can give a role above the own one", {"role": role.value})


def authority_of(core: Core, actor: str | None) -> Authority:
    """Return the authority of an actor; None, the trusted system, is an operator. Raises Forbidden."""
    if actor is None:
        return Authority(Role.OPERATOR, DEFAULT_TENANT)
    account = find_account(core, actor)
    if account is None or account.disabled_at is not None:
        raise Forbidden("the actor has no account")
    return Authority(account.role, account.tenant)


def require_managed(authority: Authority, account: Account) -> None:
    """Raise NotFound or Forbidden unless the account may be managed: nobody manages a higher role."""
    authority.require_people(account.tenant)
    authority.require_grant(account.role)
