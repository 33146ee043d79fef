"""The table of ``/admin``."""

from __future__ import annotations

from files_service.gateway.openapi import TEXT, reply
from files_service.gateway.pages.admin import acting, people, system
from files_service.gateway.routes import Route
from storage_adapters import JSON

_TO_SIGN_IN: JSON = {"description": "To `/`, for whoever is not signed in."}
_NO_ADMIN = "There is no such page for people who are no admins."
_ACCOUNTS, _ACCOUNT = "The page of the accounts of a tenant, for admins.", "The page of one account, for admins."
_INVITES, _TENANTS = "The page of the open invites, for admins.", "The page of the tenants, for operators."
_STORAGE, _HEALTH = "The page of the storage of a tenant, or of all.", "The page of the parts of the service."
_ACT = "Do what a form of the admin pages says; its page again, with the result."


def _page(description: str) -> JSON:
    return reply(description, TEXT, "text/html")


def _shown(description: str) -> dict[int, JSON]:
    return {200: _page(description), 303: _TO_SIGN_IN, 404: _page(_NO_ADMIN)}


_REFUSED = _page("A refusal, on the page.")

ROUTES = (
    Route("GET", "/admin", people.accounts, "admin_page", _ACCOUNTS, _shown(_ACCOUNTS)),
    Route("GET", "/admin/accounts/{owner}", people.account, "admin_account_page", _ACCOUNT, _shown(_ACCOUNT)),
    Route("GET", "/admin/invites", people.invites, "admin_invites_page", _INVITES, _shown(_INVITES)),
    Route("GET", "/admin/tenants", system.tenants, "admin_tenants_page", _TENANTS, _shown(_TENANTS)),
    Route("GET", "/admin/storage", system.storage, "admin_storage_page", _STORAGE, _shown(_STORAGE)),
    Route("GET", "/admin/health", system.health, "admin_health_page", _HEALTH, _shown(_HEALTH)),
    Route(
        "POST",
        "/admin/act",
        acting.act,
        "admin",
        _ACT,
        _shown(_ACT) | dict.fromkeys((400, 403, 409), _REFUSED),
        errors=(408, 413, 417, 500),
    ),
)
