"""One's own sessions, API keys and second factor; each method takes the token of a session."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.accounts.fields import id_field, secret_field, time_field
from files_service.api.accounts.signing import TokenParams
from files_service.api.action import Params, action
from files_service.api.fields import OPTIONAL, several, string
from files_service.api.parameters import request_id_field
from files_service.api.text import line
from files_service.core import Core
from files_service.domain.scopes import SCOPES
from files_service.services.accounts import deletion, keys, sessions, totp
from files_service.services.accounts.identity import session_of
from storage_adapters import JSON


class EndSessionParams(TokenParams):
    """Parameters of accounts.end_session."""

    session_id = id_field()


class CreateKeyParams(TokenParams):
    """Parameters of accounts.create_key."""

    label = string("Purpose of the key.", line(1, 100), required=True)
    scopes = several(fields.String(), "Permissions of the key.", 1, len(SCOPES), required=True)
    folder = string(
        "Folder to whose files the key is bound, like `trips/2026`; null: none.", line(1, 1_000), **OPTIONAL
    )
    expires_at = time_field("End of the key; null: none.")
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same key.")


class RevokeKeyParams(TokenParams):
    """Parameters of accounts.revoke_key."""

    key_id = id_field()


class BeginTotpParams(TokenParams):
    """Parameters of accounts.begin_totp."""

    request_id = request_id_field("Idempotency key: repeating the call with it returns the same secret.")


class CodeParams(TokenParams):
    """Parameters of accounts.remove_totp."""

    code = secret_field("Code of the second factor, or a recovery code.")


class ConfirmTotpParams(CodeParams):
    """Parameters of accounts.confirm_totp."""

    request_id = request_id_field("Idempotency key: repeating the call with it returns the same recovery codes.")


@action("accounts.list_sessions", TokenParams)
def list_sessions(params: Params, core: Core) -> JSON:
    """Return one's own sessions, oldest first."""
    return {"sessions": sessions.list_sessions(core, session_of(core, params["token"]))}


@action("accounts.end_session", EndSessionParams)
def end_session(params: Params, core: Core) -> JSON:
    """End one of one's own sessions."""
    sessions.end_session(core, session_of(core, params["token"]), params["session_id"])
    return {"ended": True}


@action("accounts.end_sessions", TokenParams)
def end_sessions(params: Params, core: Core) -> JSON:
    """End all of one's own sessions, this one too."""
    sessions.end_all_sessions(core, session_of(core, params["token"]).account_id)
    return {"ended": True}


@action("accounts.create_key", CreateKeyParams)
def create_key(params: Params, core: Core) -> JSON:
    """Create an API key; the answer alone has the key itself."""
    return keys.create_key(
        core,
        session_of(core, params["token"], fresh=True),
        label=params["label"],
        scopes=params["scopes"],
        folder=params["folder"],
        expires_at=params["expires_at"],
        request_id=params["request_id"],
    )


@action("accounts.list_keys", TokenParams)
def list_keys(params: Params, core: Core) -> JSON:
    """Return one's own API keys without the keys themselves."""
    return {"keys": keys.list_keys(core, session_of(core, params["token"]))}


@action("accounts.revoke_key", RevokeKeyParams)
def revoke_key(params: Params, core: Core) -> JSON:
    """End one of one's own API keys."""
    keys.revoke_key(core, session_of(core, params["token"]), params["key_id"])
    return {"revoked": True}


@action("accounts.begin_totp", BeginTotpParams)
def begin_totp(params: Params, core: Core) -> JSON:
    """Make the secret of a second factor, which counts once it is confirmed."""
    return totp.begin_totp(core, session_of(core, params["token"], fresh=True), params["request_id"])


@action("accounts.confirm_totp", ConfirmTotpParams)
def confirm_totp(params: Params, core: Core) -> JSON:
    """Turn the second factor on by a code of the app; the answer alone has the recovery codes."""
    identity = session_of(core, params["token"], fresh=True)
    return totp.confirm_totp(core, identity, params["code"], params["request_id"])


@action("accounts.remove_totp", CodeParams)
def remove_totp(params: Params, core: Core) -> JSON:
    """Turn the second factor off by a code of it."""
    totp.remove_totp(core, session_of(core, params["token"], fresh=True), params["code"])
    return {"removed": True}


@action("accounts.delete_me", TokenParams)
def delete_me(params: Params, core: Core) -> JSON:
    """Delete one's own account: its sessions, keys and links end at once, its files go after 14 days."""
    return deletion.delete_own(core, session_of(core, params["token"], fresh=True))
