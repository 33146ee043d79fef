"""``/admin/tenants``, ``/admin/storage`` and ``/admin/health``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from files_service.core import Core
from files_service.errors import BadRequest, FilesError, NotFound
from files_service.gateway.pages.admin.frame import Admin, admin_of, refusal, show
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.charts import bars_of, kinds_of
from files_service.gateway.readiness import readiness_of
from files_service.gateway.state import gateway_of
from files_service.services.notices.disks import places_of, space_of
from storage_adapters import JSON

DAYS = 30
SHOWN = 10
# So many accounts, a page of a hundred at a time, are looked at for the largest.
MOST_PAGES = 5


async def tenants(request: web.Request) -> web.StreamResponse:
    """Show the tenants with their quotas."""
    admin = admin_of(request)
    return refusal(request) if admin is None or not admin.operates else await show_tenants(request, admin)


async def show_tenants(request: web.Request, admin: Admin, **told: Any) -> web.Response:
    """Show the tenants, and what was done."""
    found = await call(request, "accounts.list_tenants", {"actor": admin.actor})
    rows = [{**each, **await _storage(request, admin, each["name"])} for each in found["tenants"]]
    return await show(request, admin, "tenants", rows=rows, **told)


async def storage(request: web.Request) -> web.StreamResponse:
    """Show the storage of a tenant; an operator sees that of all first."""
    admin = admin_of(request)
    if admin is None:
        return refusal(request)
    of_all = admin.operates and "tenant" not in request.query
    about = {"actor": admin.actor, **({} if of_all else {"tenant": admin.tenant})}
    try:
        found = await call(request, "analytics.storage", {**about, "days": DAYS})
        kinds = (await call(request, "analytics.file_types", about))["by_kind"]
    except (NotFound, BadRequest):
        return refusal(request)
    return await show(
        request,
        admin,
        "storage",
        of_all=of_all,
        storage=found,
        days=found["by_day"],
        bars=bars_of(found["by_day"]),
        kinds=kinds_of(kinds),
        largest=[] if of_all else await _largest(request, admin),
    )


async def health(request: web.Request) -> web.StreamResponse:
    """Show what the service is made of, and what of it answers."""
    admin = admin_of(request)
    if admin is None or not admin.operates:
        return refusal(request)
    gateway = gateway_of(request)
    ready, parts = await readiness_of(request)
    disks = await gateway.calls.run(_disks, gateway.core)
    return await show(request, admin, "health", ready=ready, parts=parts, disks=disks, facts=_facts(gateway.core))


async def _largest(request: web.Request, admin: Admin) -> list[JSON]:
    """Return the accounts of a tenant that store most, among the first by name."""
    accounts: list[JSON] = []
    params: dict[str, Any] = {"tenant": admin.tenant, "actor": admin.actor, "with_usage": True}
    for _ in range(MOST_PAGES):
        page = await call(request, "accounts.list", params)
        accounts += page["accounts"]
        params["cursor"] = page["next_cursor"]
        if params["cursor"] is None:
            break
    used = sorted((each for each in accounts if each["usage"]["bytes"]), key=lambda each: -each["usage"]["bytes"])
    return used[:SHOWN]


async def _storage(request: web.Request, admin: Admin, tenant: str) -> JSON:
    try:
        found = await call(request, "analytics.storage", {"tenant": tenant, "actor": admin.actor, "days": 1})
    except FilesError:
        # The worker counts; the rest of the page does without.
        return {"used": 0, "count": 0}
    return {"used": found["used"], "count": found["count"]}


def _disks(core: Core) -> list[tuple[str, int, int]]:
    spaces = {name: space_of(place) for name, place in places_of(core.settings).items()}
    return [(name, space.free, space.total) for name, space in spaces.items()]


def _facts(core: Core) -> list[tuple[str, str]]:
    """Return what an operator may know of the settings; addresses may have passwords, so they are left out."""
    settings = core.settings
    return [
        ("Version", version("files-service")),
        ("Metadata", urlsplit(settings.metadata_url).scheme),
        ("Lists", urlsplit(settings.list_url).scheme or "the same store"),
        ("Bytes", urlsplit(settings.blobs_url).scheme),
        ("Second copy", urlsplit(settings.mirror_url).scheme or "none"),
        ("Encryption", "on" if settings.encryption_keys else "off"),
        ("Events", "RabbitMQ" if settings.amqp_uri else "no broker"),
        ("Previews", "on" if settings.media else "off"),
        ("Registration", settings.registration),
        ("Trash", f"{settings.trash_days} days"),
    ]
