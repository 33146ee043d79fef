"""``/admin`` and ``/admin/accounts/{owner}``: the accounts of a tenant, and one of them; ``/admin/invites``."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.errors import BadRequest, Forbidden, NotFound
from files_service.gateway.pages.admin.frame import Admin, admin_of, refusal, show
from files_service.gateway.pages.calls import call, first_and_following, page_of
from files_service.gateway.state import gateway_of

PER_PAGE = 25


async def accounts(request: web.Request) -> web.StreamResponse:
    """Show the accounts of a tenant by name, those with a beginning that is looked for."""
    admin = admin_of(request)
    return refusal(request) if admin is None else await show_accounts(request, admin)


async def show_accounts(request: web.Request, admin: Admin, **told: Any) -> web.Response:
    """Show the list of accounts, and what was done."""
    search = request.query.get("search", "").strip().lower()[:100]
    params: dict[str, Any] = {"tenant": admin.tenant, "actor": admin.actor, "limit": PER_PAGE, "with_usage": True}
    try:
        found = await page_of(request, "accounts.list", {**params, "prefix": search})
    except (NotFound, BadRequest):
        admin, search, params["tenant"] = Admin(admin.identity, admin.identity.tenant), "", admin.identity.tenant
        found = await call(request, "accounts.list", params)
    query = {"search": search, "tenant": admin.tenant if admin.operates else ""}
    links = first_and_following(request, "/admin", {name: each for name, each in query.items() if each}, found)
    return await show(request, admin, "accounts", accounts=found["accounts"], search_accounts=search, **links, **told)


async def account(request: web.Request) -> web.StreamResponse:
    """Show one account and what can be done with it."""
    admin = admin_of(request)
    if admin is None:
        return refusal(request)
    return await show_account(request, admin, request.match_info["owner"])


async def show_account(request: web.Request, admin: Admin, owner: str, **told: Any) -> web.Response:
    """Show an account, and what was done with it."""
    try:
        found = await call(request, "accounts.info", {"owner": owner, "actor": admin.actor, "with_usage": True})
    except (NotFound, Forbidden, BadRequest):
        return refusal(request)
    return await show(request, admin, "account", account=found, is_oneself=owner == admin.identity.owner, **told)


async def invites(request: web.Request) -> web.StreamResponse:
    """Show the invites that can be used."""
    admin = admin_of(request)
    return refusal(request) if admin is None else await show_invites(request, admin)


async def show_invites(request: web.Request, admin: Admin, **told: Any) -> web.Response:
    """Show the invites of a tenant, and what was done."""
    try:
        found = await call(request, "accounts.list_invites", {"tenant": admin.tenant, "actor": admin.actor})
    except (NotFound, BadRequest):
        return refusal(request)
    now = gateway_of(request).core.clock()
    usable = [each for each in found["invites"] if each["uses_left"] and (each["expires_at"] or now) >= now]
    return await show(request, admin, "invites", invites=usable, **told)
