"""Quotas of accounts and tenants, as fields of their documents.

An account without a quota has that of the settings, and a tenant without one has none. Operators set all quotas; a
tenant's admin sets those of its accounts, up to the tenant's.
"""

from __future__ import annotations

from dataclasses import replace

from files_service.core import Core
from files_service.domain.quotas import Quotas, may_set
from files_service.errors import Forbidden
from files_service.services.accounts.account import Account, change_account, find_account
from files_service.services.accounts.authority import authority_of, managed_account
from files_service.services.accounts.ledger import forget_count
from files_service.services.accounts.tenants import change_tenant, quota_of_tenant
from storage_adapters import JSON, SupportsDocuments


def quotas_of(core: Core, owner: str) -> Quotas:
    """Return the quotas that apply to an owner; a change counts in every process within a second."""
    return core.quotas.get(owner, lambda: _read(core, owner))


def set_account_quota(core: Core, actor: str | None, owner: str, quota: int) -> JSON:
    """Set the quota of an account, 0 for the default. Raises Forbidden, NotFound."""
    authority = authority_of(core, actor)
    account = managed_account(core, authority, owner)
    if not authority.is_operator:
        of_tenant, default = quota_of_tenant(core, account.tenant), core.settings.owner_quota_bytes
        if not may_set(quota, of_tenant=of_tenant, default=default):
            message = "the quota of an account is at most that of its tenant"
            raise Forbidden(message, {"field": "quota_bytes", "limit": of_tenant or default})

    def decide(before: Account) -> Account:
        return replace(before, quota_bytes=quota or None)

    changed = change_account(core, account.account_id, decide)
    core.quotas.forget(owner)
    return changed.shown()


def set_tenant_quota(core: Core, actor: str | None, tenant: str | None, quota: int) -> JSON:
    """Set the quota of a tenant, 0 for none. Raises Forbidden, NotFound."""
    authority = authority_of(core, actor)
    authority.require_tenants()
    tenant = authority.tenant_or_own(tenant)
    changed = change_tenant(core, tenant, {"quota_bytes": quota or None})
    forget_count(core, tenant)
    core.quotas.clear()
    return changed


def _read(core: Core, owner: str) -> Quotas:
    default = core.settings.owner_quota_bytes
    account = find_account(core, owner) if isinstance(core.metadata, SupportsDocuments) else None
    if account is None:
        return Quotas(owner=default)
    return Quotas(
        owner=account.quota_bytes or default,
        tenant=account.tenant,
        of_tenant=quota_of_tenant(core, account.tenant),
    )
