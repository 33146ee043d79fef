"""The frame of the admin pages: for whom they are, their sections, and how they are rendered."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiohttp import web

from files_service.domain.accounts import Role, may_grant
from files_service.domain.identity import Actor, Identity
from files_service.gateway.auth.people import identity_of
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.refusals import refusal_page
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of

MOST_TENANTS = 200
ROLE_NAMES = {"user": "User", "admin": "Admin", "operator": "Operator"}


class Section(NamedTuple):
    """A section of the admin pages; some are for operators alone."""

    name: str
    path: str
    label: str
    for_operators: bool = False


SECTIONS = (
    Section("accounts", "/admin", "Accounts"),
    Section("invites", "/admin/invites", "Invites"),
    Section("tenants", "/admin/tenants", "Tenants", for_operators=True),
    Section("storage", "/admin/storage", "Storage"),
    Section("health", "/admin/health", "System", for_operators=True),
)


class Admin(NamedTuple):
    """Somebody who manages a tenant, or as an operator all of them."""

    identity: Identity
    tenant: str

    @property
    def actor(self) -> Actor:
        """The actor of calls."""
        return self.identity.actor

    @property
    def operates(self) -> bool:
        """True for operators."""
        return self.identity.role is Role.OPERATOR


def admin_of(request: web.Request, tenant: str | None = None) -> Admin | None:
    """Return the admin who is signed in, None for anybody else.

    An operator chooses a tenant by the parameter ``tenant``, or the one that is given; an admin has its own.
    """
    identity = identity_of(request)
    if identity is None or not identity.is_session or identity.role is Role.USER:
        return None
    chosen = tenant if tenant is not None else request.query.get("tenant", "")
    return Admin(identity, chosen if identity.role is Role.OPERATOR else identity.tenant)


def refusal(request: web.Request) -> web.Response:
    """Reply as if there were no such page; those who are not signed in go to the way to sign in."""
    if viewer_of(request) is None:
        return redirect(request, "/")
    message = "The address may be wrong, or it is a page for administrators."
    return refusal_page(request, "There is no such page", message, 404)


async def show(request: web.Request, admin: Admin, section: str, **values: Any) -> web.Response:
    """Render a section with the tenants among which an operator chooses."""
    tenants: list[str] = []
    if admin.operates:
        found = await call(request, "accounts.list_tenants", {"actor": admin.actor})
        tenants = [each["name"] for each in found["tenants"]][:MOST_TENANTS]
    sections = [each for each in SECTIONS if admin.operates or not each.for_operators]
    told = {"message": "", "error": "", "made": None, **values}
    return render(
        request,
        f"admin/{section}.html",
        screen="admin",
        viewer=admin.identity.owner,
        section=section if section != "account" else "accounts",
        sections=sections,
        admin=admin,
        tenants=tenants,
        tenant=admin.tenant,
        roles=[role.value for role in Role if may_grant(admin.identity.role, role)],
        role_names=ROLE_NAMES,
        registration=gateway_of(request).core.settings.registration,
        **told,
    )
