"""Parameters of the calls about accounts, for type checkers; docs/rpc.md lists the defaults."""

from __future__ import annotations

from typing import Literal, Required, TypedDict

RoleName = Literal["user", "admin", "operator"]


class ActorParams(TypedDict, total=False):
    """Parameters shared by all calls, and all parameters of accounts.list_tenants."""

    actor: str | None


class RegisterParams(ActorParams, total=False):
    """accounts.register."""

    device: str
    address: str
    name: Required[str]
    password: Required[str]
    invite: str | None
    request_id: str | None


class LoginParams(ActorParams, total=False):
    """accounts.login."""

    device: str
    address: str
    name: Required[str]
    password: Required[str]
    code: str | None


class TokenParams(ActorParams, total=False):
    """accounts.logout, .identify, .list_sessions, .end_sessions, .list_keys, .delete_me."""

    token: Required[str]


class ExportParams(TokenParams, total=False):
    """accounts.export."""

    cursor: str | None


class SetPasswordParams(ActorParams, total=False):
    """accounts.set_password."""

    device: str
    address: str
    password: Required[str]
    token: str | None
    current: str | None
    reset: str | None
    request_id: str | None


class EndSessionParams(ActorParams, total=False):
    """accounts.end_session."""

    token: Required[str]
    session_id: Required[str]


class CreateKeyParams(ActorParams, total=False):
    """accounts.create_key."""

    token: Required[str]
    label: Required[str]
    scopes: Required[list[str]]
    folder: str | None
    expires_at: int | None
    request_id: str | None


class RevokeKeyParams(ActorParams, total=False):
    """accounts.revoke_key."""

    token: Required[str]
    key_id: Required[str]


class CodeParams(ActorParams, total=False):
    """accounts.remove_totp."""

    token: Required[str]
    code: Required[str]


class BeginTotpParams(TokenParams, total=False):
    """accounts.begin_totp."""

    request_id: str | None


class ConfirmTotpParams(CodeParams, total=False):
    """accounts.confirm_totp."""

    request_id: str | None


class CreateInviteParams(ActorParams, total=False):
    """accounts.create_invite."""

    tenant: str
    role: RoleName
    uses: int
    ttl_seconds: int
    request_id: str | None


class TenantParams(ActorParams, total=False):
    """accounts.list_invites."""

    tenant: str


class RevokeInviteParams(ActorParams, total=False):
    """accounts.revoke_invite."""

    invite_id: Required[str]


class CreateParams(ActorParams, total=False):
    """accounts.create."""

    name: Required[str]
    tenant: str
    role: RoleName
    request_id: str | None


class ListParams(ActorParams, total=False):
    """accounts.list."""

    tenant: str
    limit: int
    cursor: str | None
    prefix: str
    with_usage: bool


class OwnerParams(ActorParams, total=False):
    """accounts.delete."""

    owner: Required[str]


class ResetParams(OwnerParams, total=False):
    """accounts.reset."""

    request_id: str | None


class InfoParams(OwnerParams, total=False):
    """accounts.info."""

    with_usage: bool


class UpdateParams(ActorParams, total=False):
    """accounts.update."""

    owner: Required[str]
    role: RoleName | None
    disabled: bool | None


class SetQuotaParams(ActorParams, total=False):
    """accounts.set_quota."""

    owner: Required[str]
    quota_bytes: Required[int]


class SetTenantQuotaParams(ActorParams, total=False):
    """accounts.set_tenant_quota."""

    tenant: str
    quota_bytes: Required[int]


class CreateTenantParams(ActorParams, total=False):
    """accounts.create_tenant."""

    name: Required[str]
    request_id: str | None
