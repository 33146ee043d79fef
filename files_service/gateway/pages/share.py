"""``/download/{file_id}``: the page of a shared link, and with ``raw=1`` the bytes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from files_service.core import Core
from files_service.domain.access import NOBODY, may_change
from files_service.domain.derived import POSTER, find_preview
from files_service.domain.editing import is_finished
from files_service.domain.filenames import save_as
from files_service.domain.scopes import READ
from files_service.errors import FilesError
from files_service.gateway.auth.callers import caller_by
from files_service.gateway.auth.people import require_scope
from files_service.gateway.pages.boxes import box_of
from files_service.gateway.pages.listing import ACCESSES
from files_service.gateway.pages.refusals import refusal_page
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.session import viewer_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.query import flag
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part
from files_service.services.files import readable
from storage_adapters import FileRecord

_TITLES = {
    401: "Sign in first",
    403: "This file is not shared with you",
    404: "There is no such file",
    410: "This file is gone",
}
_GONE = "The link may be wrong, or the file was removed or is not shared. If it is yours, sign in and try again."
_MESSAGES = {
    403: "Its owner has not shared it, or has stopped sharing it. If it is yours, sign in and try again.",
    404: _GONE,
    410: _GONE,
}


async def share(request: web.Request) -> web.StreamResponse:
    """Show a file, or send its bytes; a program with a token gets the bytes, and errors that it can read."""
    if "Authorization" in request.headers:
        caller = caller_by(request, request.headers["Authorization"])
        require_scope(caller.identity, READ)
        return await _raw(request, caller.actor)
    try:
        return await (_raw(request, _actor_of(request)) if flag(request, "raw") else _show(request))
    except HTTPError as refused:
        if refused.status == 416:
            raise
        return _refusal(request, refused.error, refused.status)
    except FilesError as error:
        return _refusal(request, error, error.http_status)


async def _show(request: web.Request) -> web.StreamResponse:
    gateway, viewer = gateway_of(request), viewer_of(request)
    load = gateway.counted("files.info", readable)
    record = await gateway.calls.run(load, gateway.core, request.match_info["file_id"], _actor_of(request))
    return render(
        request,
        "share.html",
        viewer=viewer,
        screen="access" if viewer is not None else "",
        file=record,
        parts=[(part, save_as(record, part)) for part in record.parts],
        finished=is_finished(record),
        **_preview(record),
        own=viewer is not None and may_change(record, viewer),
        access=ACCESSES[record.access.value],
    )


def _preview(record: FileRecord) -> dict[str, Any]:
    """Return what shows a file: its content, or of a picture that browsers do not show, the preview."""
    kind = preview_of(record.content_type) if is_finished(record) else ""
    made = find_preview(record.derived, "thumbnail-1600") if not kind else None
    poster = find_preview(record.derived, POSTER) if kind == "video" else None
    return {
        "preview": preview_of(made.content_type) if made is not None else kind,
        "preview_part": made.part_id if made is not None else "",
        "poster": poster.part_id if poster is not None else "",
        "box": box_of(record),
    }


async def _raw(request: web.Request, actor: str | None) -> web.StreamResponse:
    gateway = gateway_of(request)
    inline = flag(request, "inline")
    with gateway.downloads.take(peer_holder(request), f"file {request.match_info['file_id']}"):
        find = gateway.counted("files.download", _find)
        found = await gateway.calls.run(
            find, gateway.core, request.match_info["file_id"], request.query.get("part"), actor
        )
        # Revalidated each time, because access can be revoked; the tag saves the bytes.
        name = save_as(found.record, found.part)
        headers = part_headers(found, "inline" if inline else "attachment", name, "private, no-cache")
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return await send_part(request, gateway, found, headers)


def _actor_of(request: web.Request) -> str:
    viewer = viewer_of(request)
    return viewer if viewer is not None else NOBODY


def _find(core: Core, file_id: str, part_id: str | None, actor: str | None) -> Found:
    return part_of(readable(core, file_id, actor), part_id, core)


def _refusal(request: web.Request, error: FilesError, status: int) -> web.StreamResponse:
    title, message = _TITLES.get(status, "This did not work"), _MESSAGES.get(status, f"{str(error).capitalize()}.")
    page = refusal_page(request, title, message, status, may_be_own=status in _MESSAGES)
    if status == 503:
        page.headers["Retry-After"] = "1"
    return page
