"""One's own sessions, API keys and second factor; invites and quotas."""

from __future__ import annotations

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.auth.cookies import delete_cookies
from files_service.gateway.auth.sign_ins import call_for_people
from files_service.gateway.doors.auth.bodies import body_of
from files_service.gateway.doors.auth.signing import session_token
from files_service.gateway.replies import json_reply


async def list_sessions(request: web.Request) -> web.StreamResponse:
    """Reply with one's own sessions."""
    return json_reply(await call_for_people(request, "accounts.list_sessions", token=session_token(request)))


async def end_sessions(request: web.Request) -> web.StreamResponse:
    """End all of one's own sessions."""
    return json_reply(await call_for_people(request, "accounts.end_sessions", token=session_token(request)))


async def end_session(request: web.Request) -> web.StreamResponse:
    """End one of one's own sessions."""
    session_id = request.match_info["session_id"]
    return json_reply(
        await call_for_people(request, "accounts.end_session", token=session_token(request), session_id=session_id)
    )


async def create_key(request: web.Request) -> web.StreamResponse:
    """Create an API key."""
    token = session_token(request)
    return json_reply(await call_for_people(request, "accounts.create_key", **await body_of(request), token=token), 201)


async def list_keys(request: web.Request) -> web.StreamResponse:
    """Reply with one's own API keys."""
    return json_reply(await call_for_people(request, "accounts.list_keys", token=session_token(request)))


async def revoke_key(request: web.Request) -> web.StreamResponse:
    """End an API key."""
    key_id = request.match_info["key_id"]
    return json_reply(
        await call_for_people(request, "accounts.revoke_key", token=session_token(request), key_id=key_id)
    )


async def change_totp(request: web.Request) -> web.StreamResponse:
    """Begin a second factor, or confirm it by a code."""
    token, body = session_token(request), await body_of(request)
    method = "accounts.confirm_totp" if set(body) - {"request_id"} else "accounts.begin_totp"
    return json_reply(await call_for_people(request, method, **body, token=token))


async def remove_totp(request: web.Request) -> web.StreamResponse:
    """Turn the second factor off by a code."""
    token = session_token(request)
    return json_reply(await call_for_people(request, "accounts.remove_totp", **await body_of(request), token=token))


async def create_invite(request: web.Request) -> web.StreamResponse:
    """Make an invite."""
    actor = caller_of(request).actor
    return json_reply(
        await call_for_people(request, "accounts.create_invite", **await body_of(request), actor=actor), 201
    )


async def list_invites(request: web.Request) -> web.StreamResponse:
    """Reply with the invites of a tenant."""
    tenant = request.query.get("tenant")
    return json_reply(
        await call_for_people(request, "accounts.list_invites", tenant=tenant, actor=caller_of(request).actor)
    )


async def revoke_invite(request: web.Request) -> web.StreamResponse:
    """End an invite."""
    invite_id = request.match_info["invite_id"]
    return json_reply(
        await call_for_people(request, "accounts.revoke_invite", invite_id=invite_id, actor=caller_of(request).actor)
    )


async def delete_me(request: web.Request) -> web.StreamResponse:
    """Delete one's own account, and the cookie of a browser."""
    response = json_reply(await call_for_people(request, "accounts.delete_me", token=session_token(request)))
    delete_cookies(request, response)
    return response


async def delete_account(request: web.Request) -> web.StreamResponse:
    """Delete an account."""
    named = {"owner": request.match_info["owner"], "actor": caller_of(request).actor}
    return json_reply(await call_for_people(request, "accounts.delete", **named))


async def set_quota(request: web.Request) -> web.StreamResponse:
    """Set the quota of an account."""
    named = {"owner": request.match_info["owner"], "actor": caller_of(request).actor}
    given = {**await body_of(request), **named}
    return json_reply(await call_for_people(request, "accounts.set_quota", **given))


async def set_tenant_quota(request: web.Request) -> web.StreamResponse:
    """Set the quota of a tenant; "-" is the default one."""
    tenant = request.match_info["tenant"]
    named = {"tenant": "" if tenant == "-" else tenant, "actor": caller_of(request).actor}
    return json_reply(
        await call_for_people(request, "accounts.set_tenant_quota", **{**await body_of(request), **named})
    )
