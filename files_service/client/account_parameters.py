"""Parameters of the calls about accounts, for type checkers; docs/rpc.md lists the defaults."""

from __future__ import annotations

from typing import Literal, Required

from files_service.client.parameters import ActorParams, OwnerParams

RoleName = Literal["user", "admin", "operator"]


class DeviceParams(ActorParams, total=False):
    """The device and the address of a person who signs in."""

    device: str
    address: str


class RegisterParams(DeviceParams, total=False):
    """accounts.register."""

    name: Required[str]
    password: Required[str]
    invite: str | None
    request_id: str | None


class LoginParams(DeviceParams, total=False):
    """accounts.login."""

    name: Required[str]
    password: Required[str]
    code: str | None


class TokenParams(ActorParams, total=False):
    """accounts.logout, .identify, .list_sessions, .end_sessions, .list_keys, .delete_me."""

    token: Required[str]


class ExportParams(TokenParams, total=False):
    """accounts.export."""

    cursor: str | None


class SetPasswordParams(DeviceParams, total=False):
    """accounts.set_password."""

    password: Required[str]
    token: str | None
    current: str | None
    reset: str | None
    request_id: str | None


class EndSessionParams(TokenParams, total=False):
    """accounts.end_session."""

    session_id: Required[str]


class CreateKeyParams(TokenParams, total=False):
    """accounts.create_key."""

    label: Required[str]
    scopes: Required[list[str]]
    folder: str | None
    expires_at: int | None
    request_id: str | None


class RevokeKeyParams(TokenParams, total=False):
    """accounts.revoke_key."""

    key_id: Required[str]


class CodeParams(TokenParams, total=False):
    """accounts.remove_totp."""

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


class ListParams(TenantParams, total=False):
    """accounts.list."""

    limit: int
    cursor: str | None
    prefix: str
    with_usage: bool


class ResetParams(OwnerParams, total=False):
    """accounts.reset."""

    request_id: str | None


class InfoParams(OwnerParams, total=False):
    """accounts.info."""

    with_usage: bool


class UpdateParams(OwnerParams, total=False):
    """accounts.update."""

    role: RoleName | None
    disabled: bool | None


class SetQuotaParams(OwnerParams, total=False):
    """accounts.set_quota."""

    quota_bytes: Required[int]


class SetTenantQuotaParams(TenantParams, total=False):
    """accounts.set_tenant_quota."""

    quota_bytes: Required[int]


class CreateTenantParams(ActorParams, total=False):
    """accounts.create_tenant."""

    name: Required[str]
    request_id: str | None
