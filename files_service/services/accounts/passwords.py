"""Passwords: the check of new ones, the comparison at a sign-in, the change, and the reset by a one-time link."""

from __future__ import annotations

import hmac
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from importlib.resources import files

from files_service.core import Core
from files_service.domain.identity import Identity
from files_service.domain.passwords import MAX_BYTES, fault_of_password, password_bytes
from files_service.errors import Forbidden, Unauthorized, bad_request
from files_service.services.accounts import throttling
from files_service.services.accounts.account import Account, account_by_id, change_account
from files_service.services.accounts.authority import still_manages
from files_service.services.accounts.documents import hash_of
from files_service.services.accounts.repeats import name_of, secret_of
from storage_adapters import JSON

RESET_MS = 3_600_000


@cache
def common_passwords() -> AbstractSet[str]:
    """Return frequent passwords in lower case: those of the lists of zxcvbn (MIT) that are long enough to be tried."""
    return frozenset((files("files_service.services.accounts") / "common_passwords.txt").read_text().split())


def hash_new(core: Core, password: str, name: str) -> str:
    """Check a new password and hash it. Raises BadRequest, ServiceUnavailable."""
    fault = fault_of_password(password, name, common_passwords())
    if fault is not None:
        raise bad_request("password", fault)
    with core.passwords.turn():
        return core.passwords.hash(password_bytes(password))


def is_right(core: Core, account: Account | None, password: str) -> bool:
    """Return True for the right password, within a turn of the caller. Without an account the work is the same."""
    given = password_bytes(password)
    return core.passwords.verify(account.password if account else None, given[: 4 * MAX_BYTES])


def rehash(core: Core, account: Account, password: str) -> None:
    """Hash a password that was right again, if it was hashed at another cost; within a turn of the caller."""
    assert account.password is not None
    if core.passwords.is_outdated(account.password):
        old, new = account.password, core.passwords.hash(password_bytes(password))
        change_account(core, account.account_id, lambda now: replace(now, password=new) if now.password == old else now)


def change_password(
    core: Core,
    identity: Identity,
    current: str,
    password: str,
    subjects: tuple[str, ...],
    request_id: str | None = None,
) -> Account:
    """Change the password of a person who gives the current one. All sessions end."""
    account, request = account_by_id(core, identity.account_id), name_of(core, request_id, "password")
    with core.passwords.turn():
        if account is not None and _has_set(account, request) and is_right(core, account, password):
            return account
        throttling.require_pause(core, subjects)
        if account is None or not is_right(core, account, current):
            throttling.count_failure(core, subjects)
            raise Forbidden("the current password is wrong", {"field": "current"})
    return set_password(core, account, password, request)


def set_password(core: Core, account: Account, password: str, request: str | None = None) -> Account:
    """Set a password and end all sessions and reset links in the same write."""
    hashed, now = hash_new(core, password, account.name), core.clock()
    changed = change_account(core, account.account_id, lambda before: _with(before, hashed, now, request))
    core.identities.clear()
    return changed


def make_reset(
    core: Core, account: Account, maker: str | None = None, request_id: str | None = None
) -> tuple[str, int]:
    """Make the code of a reset link and return it with its end; an earlier code of another request ends.

    It ends with the right of its maker to reset the account; None is the trusted system.
    """
    secret = ""

    def decide(before: Account) -> Account:
        nonlocal secret
        # A code that was used, which raises the epoch, never comes back.
        secret = secret_of(core, request_id, "reset", maker, before.account_id, str(before.epoch))
        made = reset_of(secret, core.clock(), maker)
        is_repeated = before.reset is not None and before.reset["hash"] == made["hash"]
        return before if is_repeated else replace(before, reset=made)

    changed = change_account(core, account.account_id, decide)
    assert changed.reset is not None
    return f"{account.account_id}.{secret}", changed.reset["expires_at"]


def reset_of(secret: str, now: int, maker: str | None) -> JSON:
    """Make what an account keeps of the code of a reset link."""
    return {"hash": hash_of(secret), "expires_at": now + RESET_MS, "made_by": maker}


def use_reset(core: Core, code: str, password: str, request_id: str | None = None) -> Account:
    """Set a password by the code of a reset link, which is used up by that. Raises Unauthorized."""
    account_id, _, secret = code.strip().partition(".")
    account = account_by_id(core, account_id) if secret.isascii() and account_id else None
    request = name_of(core, request_id, "password by link", secret) if account is not None else None
    if account is not None and _has_set(account, request):
        with core.passwords.turn():
            if is_right(core, account, password):
                return account
    _require_reset(core, account, secret)
    assert account is not None
    assert account.reset is not None
    if not still_manages(core, account.reset.get("made_by"), account.tenant, account.role):
        raise _ended()
    hashed, now = hash_new(core, password, account.name), core.clock()

    def decide(before: Account) -> Account:
        _require_reset(core, before, secret)
        return _with(before, hashed, now, request)

    changed = change_account(core, account.account_id, decide)
    core.identities.clear()
    return changed


def _with(account: Account, hashed: str, now: int, request: str | None) -> Account:
    changed = replace(account, password=hashed, password_at=now, password_request=request)
    return replace(changed, reset=None, epoch=account.epoch + 1)


def _has_set(account: Account, request: str | None) -> bool:
    """Return True when this request has set the password before; that it is the same one is still to be checked."""
    return request is not None and account.password_request == request


def _require_reset(core: Core, account: Account | None, secret: str) -> None:
    reset = account.reset if account is not None and account.disabled_at is None else None
    if reset is None or reset["expires_at"] <= core.clock() or not hmac.compare_digest(reset["hash"], hash_of(secret)):
        raise _ended()


def _ended() -> Unauthorized:
    return Unauthorized("the link was used, was replaced by a newer one, or has expired")
