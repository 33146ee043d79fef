"""Accounts: names, owner strings, roles and what each role may do. Pure."""

from __future__ import annotations

import re
from enum import StrEnum

MAX_NAME = 40
MAX_TENANT = 32
# The tenant of accounts that name none, and of all owners without an account.
DEFAULT_TENANT = ""

_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{MAX_NAME - 1}}}")
_TENANT = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_TENANT - 1}}}")


class Role(StrEnum):
    """The role of an account: a user has files, an admin has the people of a tenant, an operator all tenants."""

    USER = "user"
    ADMIN = "admin"
    OPERATOR = "operator"


def is_name(name: str) -> bool:
    """Return True for a valid user name."""
    return _NAME.fullmatch(name) is not None


def is_tenant(name: str) -> bool:
    """Return True for a valid name of a tenant other than the default one."""
    return _TENANT.fullmatch(name) is not None


def owner_of_name(name: str, tenant: str) -> str:
    """Return the owner string of an account: unique over all tenants, because no name contains "@"."""
    return f"{name}@{tenant}" if tenant else name


def name_and_tenant(owner: str) -> tuple[str, str]:
    """Split what a person types to sign in: ``name`` or ``name@tenant``, in any case."""
    name, _, tenant = owner.strip().lower().partition("@")
    return name, tenant


def tenant_of(owner: str) -> str:
    """Return the tenant of an owner string; the default one for every text that no account has."""
    name, _, tenant = owner.partition("@")
    return tenant if is_name(name) and is_tenant(tenant) else DEFAULT_TENANT


def may_have_account(owner: str) -> bool:
    """Return True for an owner string that an account can have."""
    name, separator, tenant = owner.partition("@")
    return is_name(name) and (is_tenant(tenant) if separator else True)


def may_manage(role: Role, tenant: str, *, of_tenant: str) -> bool:
    """Return True when somebody of this role and tenant manages the people of a tenant."""
    return role is Role.OPERATOR or (role is Role.ADMIN and tenant == of_tenant)


def may_grant(role: Role, granted: Role) -> bool:
    """Return True when somebody of this role may give another person a role: at most the own one."""
    order = list(Role)
    return role is not Role.USER and order.index(granted) <= order.index(role)
