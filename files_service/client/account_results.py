"""Results of calls about accounts, for type checkers. Times are milliseconds since the epoch."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class AccountUsage(TypedDict):
    """Bytes and files of an account, and the quota that applies to it."""

    bytes: int
    files: int
    quota_bytes: int


class Account(TypedDict):
    """An account; ``usage`` where the call asked for it."""

    account_id: str
    name: str
    tenant: str
    owner: str
    role: str
    disabled: bool
    deleted_at: int | None
    has_password: bool
    totp: bool
    quota_bytes: int
    created_at: int
    usage: NotRequired[AccountUsage]


class Tenant(TypedDict):
    """A tenant; the default one has an empty name."""

    name: str
    created_at: int
    quota_bytes: int


class Code(TypedDict):
    """The code of a reset link."""

    code: str
    expires_at: int


class CreatedAccount(Account):
    """accounts.create."""

    reset: Code


class Reset(Code):
    """accounts.reset."""

    owner: str


class SignedIn(TypedDict):
    """accounts.register and accounts.login."""

    token: str
    expires_at: int
    account: Account


class Identity(TypedDict):
    """accounts.identify; a session has no scopes, an API key no session id."""

    account: Account
    session_id: str | None
    scopes: list[str] | None
    expires_at: int | None
    fresh: bool


class AccountPage(TypedDict):
    """accounts.list."""

    accounts: list[Account]
    next_cursor: str | None


class CreatedKey(TypedDict):
    """accounts.create_key."""

    key: str
    key_id: str
    label: str
    scopes: list[str]
    folder: str | None
    created_at: int
    used_at: int | None
    expires_at: int | None


class CreatedInvite(TypedDict):
    """accounts.create_invite."""

    code: str
    invite_id: str
    tenant: str
    role: str
    uses: int
    uses_left: int
    created_at: int
    expires_at: int


class ExportEntry(TypedDict):
    """One thing that is kept about a person, and its type."""

    type: str
    value: dict[str, Any]


class Export(TypedDict):
    """accounts.export."""

    entries: list[ExportEntry]
    next_cursor: str | None
