"""Forms of a share for its visitors: the page or JSON, and refusals in the same form."""

from __future__ import annotations

from typing import Any

import segno
from aiohttp import web
from markupsafe import Markup

from files_service.domain.derived import kind_of
from files_service.domain.filenames import save_as
from files_service.errors import TooManyRequests
from files_service.gateway.pages.faults import Fault, fault_of_pause
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.shared.places import cursor_of
from files_service.gateway.pages.shared.seen import Seen
from files_service.gateway.pages.shared.showing import metadata_of, values_of
from files_service.gateway.replies import HTTPError, error_reply, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.tus_headers import VERSION
from files_service.services.shares.cover import find_cover
from files_service.services.shares.share import Share
from storage_adapters import JSON, FileRecord

_LOCKED = (401, 429)
# Reasons of the gate that a visitor can do something with.
_REASONS = {
    "the link has expired": ("This link has expired", "It was open for a limited time. Ask the sender for a new one."),
    "the link was revoked": ("This link has ended", "Its owner has closed it. Ask the sender for a new one."),
    "the link is paused": ("This link is paused", "Its owner has closed it for now. Try again later."),
    "the link is not open yet": ("This link is not open yet", "Its owner has set a later time. Try again then."),
    "all downloads of the link are used up": (
        "All downloads are used up",
        "The link allowed a limited number of downloads. Ask the sender for a new one.",
    ),
}
# Reasons that end nothing but what was asked for: the link itself is open.
_INSIDE = {
    "the link has no such folder": ("This folder is gone", "It was moved, renamed or emptied."),
    "the link has no such file": ("There is no such file", "The link may show other files now."),
    "the file is gone from the link": ("This file is gone", "Its owner has taken it out of the link."),
}
_TITLES = {
    403: "This file cannot be downloaded here",
    404: "There is no such link",
    410: "This link has ended",
    507: "This link takes no more files",
}
_MESSAGES = {
    404: "The link may be wrong, or incomplete.",
    410: "What it showed is there no more. Ask the sender for a new one.",
    507: "What was uploaded before is there.",
}


def wants_json(request: web.Request) -> bool:
    """Return True for a program: one that asks for JSON, speaks tus, or sends a raw body, as no page does."""
    if "Tus-Resumable" in request.headers:
        return True
    if request.path.endswith("/upload") and request.content_type != "multipart/form-data":
        return True
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def share_reply(request: web.Request, seen: Seen) -> web.StreamResponse:
    """Reply with the share for its visitors."""
    opened, share = seen.opened, seen.opened.share
    if wants_json(request):
        return json_reply(_share(seen))
    url = share.url(gateway_of(request).core.settings.public_url)
    shown: dict[str, Any] = {
        **values_of(seen, gateway_of(request).core),
        "qr": qr_of(url) if opened.is_owner else "",
        "preview_text": _preview_text(seen),
        "picture": _picture(seen, url),
    }
    return render(request, "shared.html", **shown)


def refusal(request: web.Request, error: HTTPError) -> web.StreamResponse:
    """Reply with an error: as JSON, or as the page that says why the link does not open or asks for its password."""
    if wants_json(request) or error.status in (416, 405):
        reply = error_reply(request, error)
        if "Tus-Resumable" in request.headers:
            reply.headers["Tus-Resumable"] = VERSION
        return reply
    if error.status in _LOCKED:
        response = _locked(request, error)
    else:
        title, message = _words_of(error)
        response = render(
            request, "ended.html", status=error.status, title=title, message=message, key=_key(request, error)
        )
    response.headers.update(error.headers)
    return response


def _words_of(error: HTTPError) -> tuple[str, str]:
    if error.error.details.get("deleted") == "version":
        return "This version was deleted", "The link showed one version of a file, which is not kept."
    reason = _INSIDE.get(str(error.error)) or _REASONS.get(str(error.error))
    return reason or (
        _TITLES.get(error.status, "This did not work"),
        _MESSAGES.get(error.status, f"{str(error.error).capitalize()}."),
    )


def _key(request: web.Request, error: HTTPError) -> str:
    """Return the key of a link that is open although this request was refused, "" for one that is not."""
    is_open = error.status not in (404, 410) or str(error.error) in _INSIDE
    return request.match_info.get("key", "") if is_open else ""


def _locked(request: web.Request, error: HTTPError) -> web.Response:
    fault = ""
    if isinstance(error.error, TooManyRequests):
        fault = fault_of_pause(error.error)
    elif error.error.details.get("password") != "required":
        fault = "The password is wrong."
    return render(
        request,
        "locked.html",
        status=error.status,
        key=request.match_info.get("key", ""),
        fault=Fault("password", fault) if fault else None,
        file_id=request.match_info.get("file_id", ""),
    )


def qr_of(link: str) -> Markup:
    """Return the code of a link for cameras, as an element of the page."""
    # The library escapes the title, which is all text that it writes.
    return Markup(segno.make(link, micro=False).svg_inline(scale=4, light="#fff", title="QR code of the link"))  # noqa: S704


def _preview_text(seen: Seen) -> str:
    """Return what services that preview links say below the title: the kind and the count, and nothing of the files."""
    if not seen.opened.share.kind.shows_files:
        return "Upload files"
    if seen.folder is not None:
        return "A shared folder"
    count = len(seen.files)
    return "1 file" if count == 1 else f"{count} files"


def _picture(seen: Seen, url: str) -> str:
    """Return the address of the picture for services that preview links, "" without one."""
    is_first_page = not seen.place.below
    return f"{url}/cover" if is_first_page and find_cover(seen.opened.share, seen.files) is not None else ""


def _share(seen: Seen) -> JSON:
    share = seen.opened.share
    shown: JSON = {
        "kind": share.kind.value,
        "title": share.title,
        "message": share.message,
        "expires_at": share.expires_at,
    }
    if share.kind.shows_files:
        shown |= {"allow_download": share.allow_download, "files": [_file(record, share) for record in seen.files]}
    if seen.folder is not None:
        page = seen.folder
        shown |= {"path": page.below, "folders": list(page.folders), "next_cursor": cursor_of(page.following)}
    if share.kind.takes_files:
        shown |= {"require_name": share.require_name, "uploads": list(seen.uploads)}
    return shown


def _file(record: FileRecord, share: Share) -> JSON:
    return {
        "file_id": record.file_id,
        "name": record.name,
        "size": record.size,
        "content_type": record.content_type,
        "status": record.status.value,
        "preview": preview_of(record.content_type),
        "parts": [
            {
                "part_id": part.part_id,
                "type": part.type,
                "name": save_as(record, part),
                "size": part.size,
                "content_type": part.content_type,
            }
            for part in record.parts
        ],
        "previews": [kind_of(part.part_id) for part in record.derived],
        **metadata_of(record, share),
    }
