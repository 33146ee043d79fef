"""Quotas of owners and tenants. Pure."""

from __future__ import annotations

from dataclasses import dataclass

MAX_QUOTA = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Limits on the bytes of an owner and of its tenant; 0 is no limit.

    ``tenant`` is that of the owner's account. An owner without an account has the quota of the settings and belongs to
    no tenant's quota.
    """

    owner: int
    tenant: str = ""
    of_tenant: int = 0

    @property
    def limited(self) -> bool:
        """True where any quota applies."""
        return bool(self.owner or self.of_tenant)


def may_set(quota: int, *, of_tenant: int, default: int) -> bool:
    """Return True when a tenant's admin may give an account this quota: at most what the admin was given.

    That is the quota of the tenant, else the default of the settings; 0 gives the account that default.
    """
    most = of_tenant or default
    return not most or 0 <= quota <= most
