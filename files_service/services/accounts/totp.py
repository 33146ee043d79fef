"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes."""

from __future__ import annotations

import base64
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
from files_service.services.accounts.repeats import bytes_of
from storage_adapters import JSON

ISSUER = "Files"
RECOVERY_CODES = 10
STEP_SECONDS = 30
# The clock of a phone may be a step off.
_WINDOW = (0, -1, 1)


def begin_totp(core: Core, identity: Identity, request_id: str | None = None) -> JSON:
    """Make a secret for an app; it counts once a code of it was confirmed. Raises Conflict when there is one."""
    import pyotp

    random = secrets.token_bytes(20) if request_id is None else bytes_of(core, request_id, "totp", identity.account_id)
    secret = base64.b32encode(random[:20]).decode()

    def decide(before: Account) -> Account:
        if before.has_totp:
            raise Conflict("there is a second factor; remove it first", {"field": "totp"})
        return replace(before, totp={"secret": secret, "counter": 0, "confirmed": False, "recovery": []})

    account = change_account(core, identity.account_id, decide)
    uri = pyotp.TOTP(secret).provisioning_uri(name=account.owner, issuer_name=ISSUER)
    return {"secret": secret, "uri": uri}


def confirm_totp(core: Core, identity: Identity, code: str, request_id: str | None = None) -> JSON:
    """Turn the second factor on by a code of the app; the recovery codes are shown to this request alone.

    Raises BadRequest.
    """
    codes: list[str] = []

    def decide(before: Account) -> Account:
        codes[:] = _recovery_codes(core, before, request_id)
        if before.has_totp and before.totp and not {*map(hash_of, codes)}.isdisjoint(before.totp["recovery"]):
            return before
        counter = _counter_of(core, before, code)
        if before.totp is None or before.has_totp or counter is None:
            raise bad_request("code", "Is not the present code of the app.")
        recovery = [hash_of(each) for each in codes]
        return replace(before, totp={**before.totp, "counter": counter, "confirmed": True, "recovery": recovery})

    change_account(core, identity.account_id, decide)
    return {"recovery_codes": codes}


def _recovery_codes(core: Core, account: Account, request_id: str | None) -> list[str]:
    """Make recovery codes: the same ones for a repeated request about the same secret."""

    def random(number: int) -> str:
        if request_id is None or account.totp is None:
            return secrets.token_hex(9)
        return bytes_of(core, request_id, "recovery", account.account_id, account.totp["secret"], str(number)).hex()

    made = map(random, range(RECOVERY_CODES))
    return [f"{each[:6]}-{each[6:12]}-{each[12:18]}" for each in made]


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
