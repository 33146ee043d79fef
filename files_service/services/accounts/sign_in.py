"""Signing in by name and password, and the second factor where there is one."""

from __future__ import annotations

from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.accounts import name_and_tenant, owner_of_name
from files_service.errors import Unauthorized
from files_service.services.accounts import throttling, totp
from files_service.services.accounts.account import Account, find_account
from files_service.services.accounts.documents import SESSIONS, find, hash_of
from files_service.services.accounts.documents import delete as delete_document
from files_service.services.accounts.passwords import is_right, rehash
from files_service.services.accounts.sessions import Client, begin_session
from storage_adapters import JSON


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its token, its end, and the account."""

    token: str
    expires_at: int
    account: Account

    def shown(self) -> JSON:
        """Return what the caller sees, without the token."""
        return {"account": self.account.shown(), "expires_at": self.expires_at}


def sign_in(core: Core, name: str, password: str, client: Client, code: str | None = None) -> SignedIn:
    """Begin a session. Raises Unauthorized, TooManyRequests, ServiceUnavailable.

    An unknown name, a wrong password and a disabled account are one answer after the same work. ``code`` is one of the
    second factor or a recovery code.
    """
    owner = owner_of_name(*name_and_tenant(name))
    subjects = throttling.subjects_of(owner, client.address)
    throttling.require_pause(core, subjects)
    with core.passwords.turn():
        # Asked again here: those who waited for a turn began before the failures of the others.
        throttling.require_pause(core, subjects)
        account = find_account(core, owner)
        if not is_right(core, account, password) or account is None or account.disabled_at is not None:
            throttling.count_failure(core, subjects)
            raise Unauthorized("the name or the password is wrong")
        if account.has_totp:
            _check_code(core, account, code, subjects)
        rehash(core, account, password)
    throttling.forget_failures(core, subjects[0])
    return signed_in(core, account, client)


def signed_in(core: Core, account: Account, client: Client) -> SignedIn:
    """Begin a session of an account whose holder has proved to be that person."""
    token, session = begin_session(core, account, client)
    assert session.expires_at is not None
    return SignedIn(token, session.expires_at, account)


def sign_out(core: Core, token: str) -> None:
    """End the session of a token. Repeating it is harmless."""
    key = hash_of(token)
    document = find(core, SESSIONS, key)
    while document is not None and not delete_document(core, document):
        document = find(core, SESSIONS, key)
    core.identities.forget(key)


def _check_code(core: Core, account: Account, code: str | None, subjects: tuple[str, ...]) -> None:
    if code is None:
        raise Unauthorized("send the code of the second factor", {"totp": "required"})
    if not totp.use_code(core, account, code):
        throttling.count_failure(core, subjects)
        raise Unauthorized("the code of the second factor is wrong", {"totp": "wrong"})
