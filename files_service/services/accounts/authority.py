"""The right to manage people: read from the account at each call, so that a demotion counts at once."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.accounts import DEFAULT_TENANT, Role, may_grant, may_manage
from files_service.domain.identity import Actor
from files_service.errors import Forbidden, NotFound
from files_service.services.accounts.account import (
    Account,
    find_account,
    no_such_account,
    require_account,
)


@dataclass(frozen=True, slots=True)
class Authority:
    """Role and tenant of somebody who manages people, by signing in or by an API key.

    A key makes no credential that may do more than the key: no reset of a password, no role above that of users.
    """

    role: Role
    tenant: str
    by_key: bool = False

    @property
    def is_operator(self) -> bool:
        """True for operators and the trusted system."""
        return self.role is Role.OPERATOR

    def tenant_or_own(self, tenant: str | None) -> str:
        """Return a tenant that a caller names, the own one where it names none."""
        return self.tenant if tenant is None else tenant

    def require_people(self, tenant: str, missing: NotFound | None = None) -> None:
        """Raise the error of what does not exist for another tenant: it must not be told what is there."""
        if not may_manage(self.role, tenant, of_tenant=self.tenant):
            self.require_manager()
            raise missing or NotFound("there is no such account")

    def require_manager(self) -> None:
        """Raise Forbidden for those who manage nobody, before anything is looked up for them."""
        if self.role is Role.USER:
            raise Forbidden("only an administrator may do this")

    def require_tenants(self) -> None:
        """Raise Forbidden for all but operators."""
        if not self.is_operator:
            raise Forbidden("only an operator may do this")

    def require_grant(self, role: Role) -> None:
        """Raise Forbidden for a role above the own one."""
        if not may_grant(self.role, role):
            raise Forbidden("nobody can give a role above the own one", {"role": role.value})

    def require_new_role(self, role: Role) -> None:
        """Raise Forbidden for those who cannot give a role to somebody else."""
        self.require_grant(role)
        if role is not Role.USER:
            self.require_person()

    def require_person(self) -> None:
        """Raise Forbidden for an API key."""
        if self.by_key:
            raise Forbidden("an API key cannot do this: sign in")


def authority_of(core: Core, actor: str | None) -> Authority:
    """Return the authority of an actor; None, the trusted system, is an operator. Raises Forbidden."""
    if actor is None:
        return Authority(Role.OPERATOR, DEFAULT_TENANT)
    account = find_account(core, actor)
    if account is None or account.disabled_at is not None:
        raise Forbidden("the actor has no account")
    return Authority(account.role, account.tenant, isinstance(actor, Actor) and actor.is_key)


def still_manages(core: Core, maker: str | None, tenant: str, role: Role) -> bool:
    """Return True while who made a code may still give a role in a tenant; None is the trusted system.

    A code that outlived the demotion of its maker would bring the role back.
    """
    try:
        authority = authority_of(core, maker)
    except Forbidden:
        return False
    return may_manage(authority.role, tenant, of_tenant=authority.tenant) and may_grant(authority.role, role)


def managed_account(core: Core, authority: Authority, owner: str) -> Account:
    """Return an account that may be managed. Raises NotFound, and Forbidden: nobody manages a higher role."""
    account = known_account(core, authority, owner)
    authority.require_grant(account.role)
    return account


def known_account(core: Core, authority: Authority, owner: str) -> Account:
    """Return an account of a tenant that is managed. Raises NotFound, and Forbidden for those who manage nobody."""
    authority.require_manager()
    account = require_account(core, owner)
    authority.require_people(account.tenant, no_such_account(owner))
    return account
