"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import UTC, datetime

from files_service.core import Core
from files_service.domain.identity import Identity
from files_service.errors import Conflict, Forbidden, bad_request
from files_service.services.accounts import throttling
from files_service.services.accounts.account import Account, account_by_id, change_account
from files_service.services.accounts.documents import hash_of
from storage_adapters import JSON

ISSUER = "Files"
RECOVERY_CODES = 10
STEP_SECONDS = 30
# The clock of a phone may be a step off.
_WINDOW = (0, -1, 1)


def begin_totp(core: Core, identity: Identity) -> JSON:
    """Make a secret for an app; it counts once a code of it was confirmed. Raises Conflict when there is one."""
    import pyotp

    secret = pyotp.random_base32()

    def decide(before: Account) -> Account:
        if before.has_totp:
            raise Conflict("there is a second factor; remove it first", {"field": "totp"})
        return replace(before, totp={"secret": secret, "counter": 0, "confirmed": False, "recovery": []})

    account = change_account(core, identity.account_id, decide)
    uri = pyotp.TOTP(secret).provisioning_uri(name=account.owner, issuer_name=ISSUER)
    return {"secret": secret, "uri": uri}


def confirm_totp(core: Core, identity: Identity, code: str) -> JSON:
    """Turn the second factor on by a code of the app; the recovery codes are shown this once. Raises BadRequest."""
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]

    def decide(before: Account) -> Account:
        counter = _counter_of(core, before, code)
        if before.totp is None or before.has_totp or counter is None:
            raise bad_request("code", "Is not the present code of the app.")
        recovery = [hash_of(each) for each in codes]
        return replace(before, totp={**before.totp, "counter": counter, "confirmed": True, "recovery": recovery})

    change_account(core, identity.account_id, decide)
    return {"recovery_codes": codes}


def remove_totp(core: Core, identity: Identity, code: str) -> None:
    """Turn the second factor off by one more code of it. Raises Forbidden, TooManyRequests."""
    account, subjects = account_by_id(core, identity.account_id), throttling.subjects_of(identity.owner, None)
    throttling.require_pause(core, subjects)
    if account is None or (account.has_totp and not use_code(core, account, code)):
        throttling.count_failure(core, subjects)
        raise Forbidden("the code of the second factor is wrong", {"field": "code"})
    change_account(core, identity.account_id, lambda before: replace(before, totp=None))


def use_code(core: Core, account: Account, code: str) -> bool:
    """Use up a code of the app or a recovery code; return False for a wrong one, or one that was used."""
    used = False

    def decide(before: Account) -> Account:
        nonlocal used
        used = False
        if before.totp is None or not before.has_totp:
            return before
        counter = _counter_of(core, before, code)
        if counter is not None:
            used = True
            return replace(before, totp={**before.totp, "counter": counter})
        hashed = hash_of(code.strip().lower())
        rest = [each for each in before.totp["recovery"] if not hmac.compare_digest(each, hashed)]
        used = len(rest) < len(before.totp["recovery"])
        return replace(before, totp={**before.totp, "recovery": rest}) if used else before

    change_account(core, account.account_id, decide)
    return used


def _counter_of(core: Core, account: Account, code: str) -> int | None:
    """Return the time step of a code that is right and newer than the last one used."""
    import pyotp

    if account.totp is None:
        return None
    now = core.clock() // 1000
    given, app = code.replace(" ", ""), pyotp.TOTP(account.totp["secret"], interval=STEP_SECONDS)
    for step in _WINDOW:
        at = now + step * STEP_SECONDS
        counter = at // STEP_SECONDS
        if counter > account.totp["counter"] and hmac.compare_digest(
            app.at(datetime.fromtimestamp(at, UTC)).encode(), given.encode(errors="surrogatepass")
        ):
            return counter
    return None
