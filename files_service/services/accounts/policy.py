"""The policy of a tenant: for its links a required password, the default and the longest life; the versions it keeps.

Owners without an account, and installations without accounts, have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from files_service.core import Core
from files_service.domain.accounts import Role, tenant_of
from files_service.domain.shares import DAY_MS, DEFAULT_DAYS
from files_service.errors import NotFound, bad_request
from files_service.services.accounts import documents
from files_service.services.accounts.account import Account, find_account
from files_service.services.accounts.authority import authority_of
from files_service.services.accounts.tenants import require_tenant
from storage_adapters import JSON, Document, SupportsDocuments

POLICIES = "share_policies"


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules for the links of a tenant; None is no limit. Of former contents, None is what the settings say."""

    require_password: bool = False
    default_days: int | None = DEFAULT_DAYS
    max_days: int | None = None
    kept_versions: int | None = None
    kept_versions_days: int | None = None

    def expires_at(self, now: int) -> int | None:
        """Return the time at which a link ends whose owner chooses none."""
        days = min((each for each in (self.default_days, self.max_days) if each is not None), default=None)
        return None if days is None else now + days * DAY_MS

    def require(self, *, has_password: bool, expires_at: int | None, now: int) -> None:
        """Raise BadRequest that names the field which the policy does not allow."""
        if self.require_password and not has_password:
            raise bad_request("password", "The policy of the tenant requires a password.")
        if self.max_days is not None and (expires_at is None or expires_at > now + self.max_days * DAY_MS):
            raise bad_request("expires_at", f"The policy of the tenant allows at most {self.max_days} days.")


_NONE = Policy(default_days=None)
_RULES = tuple(each.name for each in fields(Policy))


def policy_for(core: Core, account: Account | None) -> Policy:
    """Return the policy for the links of an owner with this account, or without any."""
    return _NONE if account is None else _policy_of(core, account.tenant)


def versions_policy(core: Core, owner: str) -> Policy:
    """Return the policy for the versions of an owner."""
    found = _policy_of(core, tenant_of(owner)) if isinstance(core.metadata, SupportsDocuments) else _NONE
    if found.kept_versions is None and found.kept_versions_days is None:
        return _NONE
    return policy_for(core, find_account(core, owner))


def show_policy(core: Core, actor: str | None, tenant: str | None) -> JSON:
    """Return the policy of a tenant, by default of the actor's own. Raises NotFound for other tenants."""
    authority = authority_of(core, actor)
    name = authority.tenant_or_own(tenant)
    if authority.role is not Role.OPERATOR and name != authority.tenant:
        raise _no_such_tenant(name)
    require_tenant(core, name)
    return _shown(name, _policy_of(core, name))


def set_policy(core: Core, actor: str | None, tenant: str | None, changes: Mapping[str, Any]) -> JSON:
    """Change the policy of a tenant; links that are there keep what they have until they are changed.

    Raises BadRequest, Forbidden for people who are no administrators, and NotFound for other tenants.
    """
    authority = authority_of(core, actor)
    name = authority.tenant_or_own(tenant)
    if authority.role is Role.ADMIN and name != authority.tenant:
        raise _no_such_tenant(name)
    authority.require_people(name)
    require_tenant(core, name)

    def decide(before: Document | None) -> Document:
        policy = replace(_policy_in(before), **changes)
        document = before or documents.new_document(POLICIES, _id_of(name), {}, order=name)
        return replace(document, body={**document.body, **asdict(policy)})

    return _shown(name, _policy_in(documents.change(core, POLICIES, _id_of(name), decide)))


def _policy_of(core: Core, tenant: str) -> Policy:
    return _policy_in(documents.find(core, POLICIES, _id_of(tenant)))


def _policy_in(document: Document | None) -> Policy:
    body = document.body if document is not None else {}
    return Policy(**{name: body[name] for name in _RULES if name in body})


def _id_of(tenant: str) -> str:
    return f"tenant:{tenant}"


def _shown(tenant: str, policy: Policy) -> JSON:
    return {"tenant": tenant, **asdict(policy)}


def _no_such_tenant(name: str) -> NotFound:
    return NotFound("there is no such tenant", {"tenant": name})
