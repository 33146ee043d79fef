"""``/settings``: storage, sign-in, API keys and invites of the viewer."""

from __future__ import annotations

from aiohttp import web

from files_service.errors import FilesError
from files_service.gateway.auth.people import identity_of
from files_service.gateway.pages.calls import call
from files_service.gateway.pages.rendering import redirect, render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.state import gateway_of

_KINDS = {
    "image": "Pictures",
    "video": "Videos",
    "audio": "Sound",
    "document": "Documents",
    "archive": "Archives",
    "other": "Other files",
}


async def settings(request: web.Request) -> web.StreamResponse:
    """Show the settings; what changes them is done by the addresses below ``/api/auth``."""
    viewer = viewer_of(request)
    if viewer is None:
        return redirect(request, "/")
    own = {"owner": viewer, "actor": viewer}
    storage = await call(request, "analytics.storage", {**own, "days": 1})
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
        kinds=[(label, kinds[kind]) for kind, label in _KINDS.items() if kinds.get(kind, {}).get("count")],
        role=identity.role.value if identity is not None else "",
        trash_days=gateway_of(request).core.settings.trash_days,
    )
