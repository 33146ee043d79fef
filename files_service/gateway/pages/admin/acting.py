"""``POST /admin/act``: deeds of admins. A form names its deed; the services decide."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from files_service.domain.quotas import MAX_QUOTA
from files_service.errors import BadRequest, FilesError, bad_request
from files_service.gateway.auth.people import end_watch
from files_service.gateway.pages.admin.frame import Admin, admin_of, refusal
from files_service.gateway.pages.admin.people import show_account, show_accounts, show_invites
from files_service.gateway.pages.admin.system import show_tenants
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.people import form_of
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

Form = Mapping[str, str]
Deed = Callable[[web.Request, Admin, Form], Awaitable[JSON]]
_DAY_SECONDS = 86_400


async def act(request: web.Request) -> web.StreamResponse:
    """Do what the form says and show the page that it came from, with the result."""
    form = await form_of(request)
    admin = admin_of(request, form.get("tenant", ""))
    if admin is None:
        return refusal(request)
    name = form.get("do", "")
    if name not in _DEEDS:
        raise HTTPError(BadRequest("there is no such deed", {"fields": {"do": ["Unknown deed."]}}))
    deed, back = _DEEDS[name]
    end_watch(request)
    try:
        told = await deed(request, admin, form)
    except FilesError as error:
        told = {"error": f"{str(error)[:1].upper()}{str(error)[1:]}.", "status": error.http_status}
    return await back(request, admin, form, told)


async def _create(request: web.Request, admin: Admin, form: Form) -> JSON:
    given = {"name": form.get("name", "").strip(), "role": form.get("role", "user"), "tenant": admin.tenant}
    made = await call(request, "accounts.create", {**given, "actor": admin.actor})
    link = _link(request, "/reset", made["reset"]["code"])
    label = f"Link by which {made['owner']} sets a password"
    return {
        "message": f"The account {made['owner']} is made.",
        "made": {"label": label, "link": link, "note": "It works once, within an hour, and is shown only now."},
    }


async def _role(request: web.Request, admin: Admin, form: Form) -> JSON:
    changed = await _update(request, admin, form, role=form.get("role", ""))
    return {"message": f"{changed['owner']} has the role {changed['role']}."}


async def _disable(request: web.Request, admin: Admin, form: Form) -> JSON:
    changed = await _update(request, admin, form, disabled=True)
    return {"message": f"{changed['owner']} is disabled and signed out."}


async def _enable(request: web.Request, admin: Admin, form: Form) -> JSON:
    changed = await _update(request, admin, form, disabled=False)
    return {"message": f"{changed['owner']} is enabled."}


async def _delete(request: web.Request, admin: Admin, form: Form) -> JSON:
    deleted = await call(request, "accounts.delete", {"owner": form.get("owner", ""), "actor": admin.actor})
    return {"message": f"{deleted['owner']} is deleted; its files go after 14 days."}


async def _reset(request: web.Request, admin: Admin, form: Form) -> JSON:
    made = await call(request, "accounts.reset", {"owner": form.get("owner", ""), "actor": admin.actor})
    label = f"Link by which {made['owner']} sets a new password"
    note = "It works once, within an hour, and is shown only now. Other sessions end when it is used."
    return {"made": {"label": label, "link": _link(request, "/reset", made["code"]), "note": note}}


async def _quota(request: web.Request, admin: Admin, form: Form) -> JSON:
    given = {"owner": form.get("owner", ""), "quota_bytes": _bytes_of(form)}
    await call(request, "accounts.set_quota", {**given, "actor": admin.actor})
    return {"message": "The quota is set."}


async def _invite(request: web.Request, admin: Admin, form: Form) -> JSON:
    given = {"tenant": admin.tenant, "role": form.get("role", "user"), "uses": _number(form, "uses")}
    given["ttl_seconds"] = _number(form, "days") * _DAY_SECONDS
    made = await call(request, "accounts.create_invite", {**given, "actor": admin.actor})
    note = "It is shown only now; send it to the person."
    return {"made": {"label": "Invite link", "link": _link(request, "/join", made["code"]), "note": note}}


async def _revoke_invite(request: web.Request, admin: Admin, form: Form) -> JSON:
    await call(request, "accounts.revoke_invite", {"invite_id": form.get("invite_id", ""), "actor": admin.actor})
    return {"message": "The invite is revoked."}


async def _create_tenant(request: web.Request, admin: Admin, form: Form) -> JSON:
    given = {"name": form.get("name", "").strip(), "actor": admin.actor}
    made = await call(request, "accounts.create_tenant", given)
    return {"message": f"The tenant {made['name']} is made. Create its first admin under Accounts."}


async def _tenant_quota(request: web.Request, admin: Admin, form: Form) -> JSON:
    given = {"tenant": form.get("tenant", ""), "quota_bytes": _bytes_of(form)}
    await call(request, "accounts.set_tenant_quota", {**given, "actor": admin.actor})
    return {"message": "The quota of the tenant is set."}


async def _update(request: web.Request, admin: Admin, form: Form, **changes: Any) -> JSON:
    return await call(request, "accounts.update", {"owner": form.get("owner", ""), **changes, "actor": admin.actor})


async def _to_accounts(request: web.Request, admin: Admin, form: Form, told: JSON) -> web.Response:
    return await show_accounts(request, admin, **told)


async def _to_account(request: web.Request, admin: Admin, form: Form, told: JSON) -> web.Response:
    return await show_account(request, admin, form.get("owner", ""), **told)


async def _to_invites(request: web.Request, admin: Admin, form: Form, told: JSON) -> web.Response:
    return await show_invites(request, admin, **told)


async def _to_tenants(request: web.Request, admin: Admin, form: Form, told: JSON) -> web.Response:
    return await show_tenants(request, admin, **told) if admin.operates else refusal(request)


_DEEDS: dict[str, tuple[Deed, Callable[[web.Request, Admin, Form, JSON], Awaitable[web.Response]]]] = {
    "create": (_create, _to_accounts),
    "role": (_role, _to_account),
    "disable": (_disable, _to_account),
    "enable": (_enable, _to_account),
    "delete": (_delete, _to_account),
    "reset": (_reset, _to_account),
    "quota": (_quota, _to_account),
    "invite": (_invite, _to_invites),
    "revoke-invite": (_revoke_invite, _to_invites),
    "create-tenant": (_create_tenant, _to_tenants),
    "tenant-quota": (_tenant_quota, _to_tenants),
}


def _link(request: web.Request, path: str, code: str) -> str:
    return f"{gateway_of(request).core.settings.public_url}{path}#{code}"


def _number(form: Form, name: str) -> int:
    text = form.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise bad_request(name, "Must be a number.")
    return int(text)


def _bytes_of(form: Form) -> int:
    """Return a quota that is given in GB, as bytes."""
    try:
        quota = Decimal(form.get("quota_gb", "")).scaleb(9)
    except ArithmeticError:
        quota = Decimal(-1)
    if not (quota.is_finite() and 0 <= quota <= MAX_QUOTA):
        raise bad_request("quota_gb", "Must be a number of GB.")
    return round(quota)
