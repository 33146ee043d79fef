"""``/settings``: storage, sign-in, API keys and invites of the viewer."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import FilesError, NotSupported
from files_service.gateway.auth.people import identity_of
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.charts import bars_of, kinds_of
from files_service.gateway.pages.links import name_of
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import for_viewer
from files_service.gateway.state import gateway_of
from storage_adapters import JSON

DAYS = 30
SHOWN = 5
# Links that are looked at for those with the most downloads.
MOST_LINKS = 100


@for_viewer
async def settings(request: web.Request, viewer: str) -> web.StreamResponse:
    """Show the settings; what changes them is done by the addresses below ``/api/auth``."""
    own = {"owner": viewer, "actor": viewer}
    storage = await call(request, "analytics.storage", {**own, "days": DAYS})
    try:
        kinds = (await call(request, "analytics.file_types", own))["by_kind"]
    except FilesError:
        # The worker counts kinds; the rest of the page does without.
        kinds = {}
    identity = identity_of(request)
    return render(
        request,
        "settings.html",
        screen="settings",
        viewer=viewer,
        storage=storage,
        days=storage["by_day"],
        bars=bars_of(storage["by_day"]),
        kinds=kinds_of(kinds),
        largest=await _largest(request, own),
        links=await _downloaded(request, own),
        role=identity.role.value if identity is not None else "",
        trash_days=gateway_of(request).core.settings.trash_days,
    )


async def _largest(request: web.Request, own: JSON) -> list[JSON]:
    found = await call(request, "files.list", {**own, "order_by": "size", "order": "desc", "limit": SHOWN})
    files: list[JSON] = found["files"]
    return files


async def _downloaded(request: web.Request, own: JSON) -> list[tuple[str, int]]:
    """Return the newest links with the most downloads."""
    try:
        shares = (await call(request, "shares.list", {**own, "limit": MOST_LINKS}))["shares"]
    except NotSupported:
        return []
    used = sorted((each for each in shares if each["used"]), key=lambda each: -each["used"])
    return [(name_of(each), each["used"]) for each in used[:SHOWN]]
