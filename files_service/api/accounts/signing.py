"""accounts.register, accounts.login, accounts.logout, accounts.identify, accounts.set_password."""

from __future__ import annotations

from marshmallow import validate

from files_service.api.accounts.fields import (
    name_field,
    password_field,
    secret_field,
    token_field,
)
from files_service.api.action import Params, ParamsSchema, action
from files_service.api.fields import string
from files_service.api.parameters import request_id_field
from files_service.core import Core
from files_service.errors import Forbidden
from files_service.services.accounts import throttling
from files_service.services.accounts.account import require_account
from files_service.services.accounts.identity import identify as identity_of
from files_service.services.accounts.identity import session_of
from files_service.services.accounts.passwords import change_password, use_reset
from files_service.services.accounts.registration import register as register_account
from files_service.services.accounts.registration import registered_earlier
from files_service.services.accounts.sessions import Client, continue_session, forget_ended
from files_service.services.accounts.sign_in import SignedIn, sign_in, sign_out, signed_in
from storage_adapters import JSON

_MOST = 200


class ClientParams(ParamsSchema):
    """Parameters that describe the person's device."""

    device = string("Device, as its owner knows it.", validate.Length(0, 1_000), load_default="")
    address = string(
        "Network address of the person, by which failures are counted, too.", validate.Length(0, _MOST), load_default=""
    )


class RegisterParams(ClientParams):
    """Parameters of accounts.register."""

    name = name_field()
    password = password_field()
    invite = secret_field("Code of an invite, or of the setup link.", required=False, load_default=None)
    request_id = request_id_field("Idempotency key: repeating the call with it signs in to the account that it made.")


class LoginParams(ClientParams):
    """Parameters of accounts.login."""

    name = name_field()
    password = password_field()
    code = secret_field("Code of the second factor, or a recovery code.", required=False, load_default=None)


class TokenParams(ParamsSchema):
    """Parameters of the methods for the holder of a token."""

    token = token_field()


class SetPasswordParams(ClientParams):
    """Parameters of accounts.set_password: token and current, or reset."""

    password = secret_field("The new password.", 1_024)
    token = secret_field("Token of the session.", required=False, load_default=None)
    current = secret_field("The current password.", 1_024, required=False, load_default=None)
    reset = secret_field("Code of a reset link, instead.", required=False, load_default=None)
    request_id = request_id_field("Idempotency key: repeating the call with it changes nothing more.")


@action("accounts.register", RegisterParams)
def register(params: Params, core: Core) -> JSON:
    """Make an account, as the settings allow it, and sign in."""
    _require_system(params)
    name, password, invite, request_id = (params[each] for each in ("name", "password", "invite", "request_id"))
    earlier = registered_earlier(core, name, invite, request_id)
    if earlier is not None:
        return _answer(sign_in(core, earlier.owner, password, _client(params)))
    account = register_account(core, name, password, invite, request_id)
    return _answer(signed_in(core, account, _client(params)))


@action("accounts.login", LoginParams)
def login(params: Params, core: Core) -> JSON:
    """Sign in by name and password; returns the token of the new session."""
    _require_system(params)
    return _answer(sign_in(core, params["name"], params["password"], _client(params), params["code"]))


@action("accounts.logout", TokenParams)
def logout(params: Params, core: Core) -> JSON:
    """End the session of a token; repeating the call is harmless."""
    sign_out(core, params["token"])
    return {"ended": True}


@action("accounts.identify", TokenParams)
def identify(params: Params, core: Core) -> JSON:
    """Return the account that a session's token or an API key proves."""
    identity = identity_of(core, params["token"])
    return {
        "account": require_account(core, identity.owner).shown(),
        "session_id": identity.credential_id if identity.is_session else None,
        "scopes": None if identity.scopes is None else sorted(identity.scopes),
        "expires_at": identity.expires_at,
        "fresh": identity.is_fresh(core.clock()),
    }


@action("accounts.set_password", SetPasswordParams)
def set_password(params: Params, core: Core) -> JSON:
    """Change one's password by the current one, or set it by the code of a reset link; other sessions end."""
    if params["reset"] is not None:
        forget_ended(core, use_reset(core, params["reset"], params["password"], params["request_id"]))
        return {"changed": True}
    if params["token"] is None or params["current"] is None:
        raise Forbidden("send the current password, or the code of a reset link", {"field": "current"})
    identity = session_of(core, params["token"])
    # From people themselves the address is no fact: failures under another one would lock its people out.
    address = params["address"] if params["actor"] is None else ""
    subjects = throttling.subjects_of(identity.owner, address)
    current, password = params["current"], params["password"]
    account = change_password(core, identity, current, password, subjects, params["request_id"])
    continue_session(core, params["token"], account)
    return {"changed": True}


def _client(params: Params) -> Client:
    return Client(device=params["device"], address=params["address"])


def _answer(signed: SignedIn) -> JSON:
    return {**signed.shown(), "token": signed.token}


def _require_system(params: Params) -> None:
    if params["actor"] is not None:
        raise Forbidden("people sign in at /api/auth; this method is for trusted systems")
