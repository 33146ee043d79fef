"""The table of ``/api/auth``, ``/api/export``, ``/api/invites``, ``/api/accounts`` and ``/api/tenants``."""

from __future__ import annotations

from files_service.domain.scopes import ADMIN, READ, SESSION
from files_service.gateway.auth.callers import by_bearer_or_session
from files_service.gateway.doors.auth import credentials, export, signing
from files_service.gateway.openapi import JSON_TYPE, body_schema, json_body, query, reply
from files_service.gateway.routes import Door, Route, at
from storage_adapters import JSON

_DONE, _MADE = {200: reply("Done.")}, {201: reply("Made; secrets are in no other answer.")}
_TOKEN = reply("Signed in: the token, or for browsers a cookie.")
_SESSION, _REGISTERED = {200: _TOKEN}, {201: _TOKEN}


def _body(*methods: str) -> JSON:
    """Describe a body: the parameters of a method without those that the door adds."""
    schemas = [body_schema(method, without=("actor", "token", "device", "address")) for method in methods]
    return {
        "required": True,
        "content": {JSON_TYPE: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
    }


_SIGN_UP, _SIGN_IN, _SIGN_OUT = "Make an account and sign in.", "Sign in.", "End the session."
_ME, _PASSWORD = "The account that is signed in.", "Change the password, or set it by the code of a reset link."
_TOTP_BODY = _body("accounts.begin_totp", "accounts.confirm_totp")
_AUTH, _EXPORT, _INVITES = "/api/auth", "/api/export", "/api/invites"
_ACCOUNT_QUOTA, _TENANT_QUOTA = "/api/accounts/{owner}/quota", "/api/tenants/{tenant}/quota"
_QUOTA = json_body({**body_schema("accounts.set_quota", without=("actor", "owner")), "required": ["quota_bytes"]})

SIGNING_DOOR = Door(
    name="signing",
    match=at(f"{_AUTH}/register", f"{_AUTH}/login", f"{_AUTH}/password"),
    routes=(
        Route(
            "POST",
            f"{_AUTH}/register",
            signing.register,
            "register",
            _SIGN_UP,
            _REGISTERED,
            body=_body("accounts.register"),
        ),
        Route("POST", f"{_AUTH}/login", signing.login, "login", _SIGN_IN, _SESSION, body=_body("accounts.login")),
        Route(
            "POST",
            f"{_AUTH}/password",
            signing.set_password,
            "set_password",
            _PASSWORD,
            _DONE,
            body=_body("accounts.set_password"),
        ),
    ),
    sessions=True,
    tag="people",
    errors=(400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 429, 500, 501, 503),
)

DOOR = Door(
    name="auth",
    match=at(f"{_AUTH}/", _EXPORT, _INVITES, f"{_INVITES}/", "/api/accounts/", "/api/tenants/"),
    routes=(
        Route("POST", f"{_AUTH}/logout", signing.logout, "logout", _SIGN_OUT, _DONE, scope=SESSION),
        Route("GET", f"{_AUTH}/me", signing.me, "me", _ME, {200: reply(_ME)}, scope=READ),
        Route(
            "DELETE",
            f"{_AUTH}/me",
            credentials.delete_me,
            "delete_me",
            "Delete one's own account; its files go after 14 days.",
            {200: reply("The account.")},
            scope=SESSION,
        ),
        Route(
            "GET",
            f"{_AUTH}/sessions",
            credentials.list_sessions,
            "sessions",
            "One's own sessions.",
            _DONE,
            scope=SESSION,
        ),
        Route(
            "DELETE",
            f"{_AUTH}/sessions",
            credentials.end_sessions,
            "end_sessions",
            "End all sessions.",
            _DONE,
            scope=SESSION,
        ),
        Route(
            "DELETE",
            f"{_AUTH}/sessions/{{session_id}}",
            credentials.end_session,
            "end_session",
            "End a session.",
            _DONE,
            scope=SESSION,
        ),
        Route("GET", f"{_AUTH}/keys", credentials.list_keys, "keys", "One's own API keys.", _DONE, scope=SESSION),
        Route(
            "POST",
            f"{_AUTH}/keys",
            credentials.create_key,
            "create_key",
            "Create an API key.",
            _MADE,
            body=_body("accounts.create_key"),
            scope=SESSION,
        ),
        Route(
            "DELETE",
            f"{_AUTH}/keys/{{key_id}}",
            credentials.revoke_key,
            "revoke_key",
            "End an API key.",
            _DONE,
            scope=SESSION,
        ),
        Route(
            "POST",
            f"{_AUTH}/totp",
            credentials.change_totp,
            "change_totp",
            "Begin a second factor with an empty object, confirm it with a code.",
            _DONE,
            body=_TOTP_BODY,
            scope=SESSION,
        ),
        Route(
            "DELETE",
            f"{_AUTH}/totp",
            credentials.remove_totp,
            "remove_totp",
            "Turn the second factor off.",
            _DONE,
            body=_body("accounts.remove_totp"),
            scope=SESSION,
        ),
        Route(
            "GET",
            _EXPORT,
            export.export,
            "export",
            "All that is kept about oneself, as lines of JSON.",
            {200: reply("One object per line.", media="application/x-ndjson")},
            scope=SESSION,
        ),
        Route(
            "GET",
            _INVITES,
            credentials.list_invites,
            "invites",
            "The invites of a tenant.",
            _DONE,
            query(tenant={"type": "string"}),
            scope=ADMIN,
        ),
        Route(
            "POST",
            _INVITES,
            credentials.create_invite,
            "create_invite",
            "Make an invite.",
            _MADE,
            body=_body("accounts.create_invite"),
            scope=ADMIN,
        ),
        Route(
            "DELETE",
            f"{_INVITES}/{{invite_id}}",
            credentials.revoke_invite,
            "revoke_invite",
            "End an invite.",
            _DONE,
            scope=ADMIN,
        ),
        Route(
            "DELETE",
            "/api/accounts/{owner}",
            credentials.delete_account,
            "delete_account",
            "Delete an account; its files go after 14 days.",
            {200: reply("The account.")},
            scope=ADMIN,
        ),
        Route(
            "PUT",
            _ACCOUNT_QUOTA,
            credentials.set_quota,
            "set_quota",
            "Set the quota of an account.",
            {200: reply("The account.")},
            body=_QUOTA,
            scope=ADMIN,
        ),
        Route(
            "PUT",
            _TENANT_QUOTA,
            credentials.set_tenant_quota,
            "set_tenant_quota",
            "Set the quota of a tenant; the default tenant is called -.",
            {200: reply("The tenant.")},
            body=_QUOTA,
            scope=ADMIN,
        ),
    ),
    authenticate=by_bearer_or_session,
    sessions=True,
    state={export.EXPORTS: lambda _: set()},
    tag="people",
    errors=(400, 401, 403, 404, 405, 408, 409, 413, 415, 417, 429, 500, 501, 503),
)
