"""Invites, accounts and tenants; for admins, operators and trusted systems."""

from __future__ import annotations

from files_service.api.accounts.fields import (
    id_field,
    name_field,
    quota_field,
    role_field,
    tenant_field,
    usage_field,
)
from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import OPTIONAL, StrictBoolean, integer, string
from files_service.api.parameters import request_id_field
from files_service.api.text import line, text
from files_service.core import Core
from files_service.domain.accounts import Role
from files_service.services.accounts import deletion, invites, people, quotas, registration, tenants
from storage_adapters import JSON


class CreateInviteParams(ParamsSchema):
    """Parameters of accounts.create_invite."""

    tenant = tenant_field()
    role = role_field(load_default=Role.USER)
    uses = integer("Number of accounts.", 1, 1_000, load_default=1)
    ttl_seconds = integer("Seconds until it expires.", 1, 31_536_000, load_default=604_800)
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same invite.")


class TenantParams(ParamsSchema):
    """Parameters of accounts.list_invites."""

    tenant = tenant_field()


class RevokeInviteParams(ParamsSchema):
    """Parameters of accounts.revoke_invite."""

    invite_id = id_field()


class CreateParams(ParamsSchema):
    """Parameters of accounts.create."""

    name = name_field()
    tenant = tenant_field()
    role = role_field(load_default=Role.USER)
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same account and code.")


class ListParams(TenantParams):
    """Parameters of accounts.list."""

    limit = integer("Size of the page.", 1, 100, load_default=100)
    cursor = string("next_cursor of a page.", line(1, 100), **OPTIONAL)
    prefix = string("Beginning of the names; empty: all.", text(0, 100), load_default="")
    with_usage = usage_field()


class OwnerParams(ParamsSchema):
    """Parameters of accounts.delete."""

    owner = owner_field()


class ResetParams(OwnerParams):
    """Parameters of accounts.reset."""

    request_id = request_id_field("Idempotency key: repeating the call with it returns the same code until it is used.")


class InfoParams(OwnerParams):
    """Parameters of accounts.info."""

    with_usage = usage_field()


class UpdateParams(OwnerParams):
    """Parameters of accounts.update."""

    role = role_field(load_default=None, allow_none=True)
    disabled = StrictBoolean(**OPTIONAL, metadata={"description": "Disable or enable the account."})


class SetQuotaParams(OwnerParams):
    """Parameters of accounts.set_quota."""

    quota_bytes = quota_field("Quota in bytes; 0: that of the settings.", required=True)


class SetTenantQuotaParams(TenantParams):
    """Parameters of accounts.set_tenant_quota."""

    quota_bytes = quota_field("Quota of all accounts of the tenant together in bytes; 0: none.", required=True)


class CreateTenantParams(ParamsSchema):
    """Parameters of accounts.create_tenant."""

    name = string("Name of the tenant.", line(1, 32), required=True)
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same tenant.")


@action("accounts.create_invite", CreateInviteParams)
def create_invite(params: Params, core: Core) -> JSON:
    """Make an invite; the answer alone has its code."""
    return invites.create_invite(
        core,
        params["actor"],
        tenant=params["tenant"],
        role=params["role"],
        uses=params["uses"],
        expires_at=core.clock() + params["ttl_seconds"] * 1000,
        request_id=params["request_id"],
    )


@action("accounts.list_invites", TenantParams)
def list_invites(params: Params, core: Core) -> JSON:
    """Return the invites of a tenant without their codes."""
    return {"invites": invites.list_invites(core, params["actor"], params["tenant"])}


@action("accounts.revoke_invite", RevokeInviteParams)
def revoke_invite(params: Params, core: Core) -> JSON:
    """End an invite; accounts that were made by it stay."""
    invites.revoke_invite(core, params["actor"], params["invite_id"])
    return {"revoked": True}


@action("accounts.create", CreateParams)
def create(params: Params, core: Core) -> JSON:
    """Make an account without a password; ``reset`` of the answer lets its person set one."""
    return registration.create_account(
        core,
        params["actor"],
        name=params["name"],
        tenant=params["tenant"],
        role=params["role"],
        request_id=params["request_id"],
    )


@action("accounts.list", ListParams)
def list_accounts(params: Params, core: Core) -> JSON:
    """Return one page of a tenant's accounts, by name."""
    return people.list_accounts(
        core,
        params["actor"],
        tenant=params["tenant"],
        limit=params["limit"],
        after=params["cursor"],
        beginning=params["prefix"],
        usage=params["with_usage"],
    )


@action("accounts.info", InfoParams)
def info(params: Params, core: Core) -> JSON:
    """Return an account, one's own or one that the actor manages."""
    return people.account_info(core, params["actor"], params["owner"], usage=params["with_usage"])


@action("accounts.update", UpdateParams)
def update(params: Params, core: Core) -> JSON:
    """Change the role of an account, or disable or enable it, which undoes its deletion."""
    return people.update_account(
        core, params["actor"], params["owner"], role=params["role"], disabled=params["disabled"]
    )


@action("accounts.delete", OwnerParams)
def delete(params: Params, core: Core) -> JSON:
    """Delete an account: its sessions, keys and links end at once, its files go after 14 days."""
    return deletion.delete_account(core, params["actor"], params["owner"])


@action("accounts.set_quota", SetQuotaParams)
def set_quota(params: Params, core: Core) -> JSON:
    """Set the quota of an account."""
    return quotas.set_account_quota(core, params["actor"], params["owner"], params["quota_bytes"])


@action("accounts.set_tenant_quota", SetTenantQuotaParams)
def set_tenant_quota(params: Params, core: Core) -> JSON:
    """Set the quota that all accounts of a tenant have together."""
    return quotas.set_tenant_quota(core, params["actor"], params["tenant"], params["quota_bytes"])


@action("accounts.reset", ResetParams)
def reset(params: Params, core: Core) -> JSON:
    """Make the code by which a person sets a new password, once and within an hour."""
    return people.reset_account(core, params["actor"], params["owner"], params["request_id"])


@action("accounts.create_tenant", CreateTenantParams)
def create_tenant(params: Params, core: Core) -> JSON:
    """Create a tenant."""
    return tenants.create_tenant(core, params["name"], params["actor"], params["request_id"])


@action("accounts.list_tenants", ParamsSchema)
def list_tenants(params: Params, core: Core) -> JSON:
    """Return all tenants but the default one."""
    return {"tenants": tenants.list_tenants(core, params["actor"])}
