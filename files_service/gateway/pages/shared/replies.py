"""Forms of a share for its visitors: the page or JSON, and refusals in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from files_service.domain.editing import is_finished
from files_service.domain.filenames import save_as
from files_service.gateway.pages.rendering import render
from files_service.gateway.replies import HTTPError, error_reply, json_reply
from files_service.gateway.transfer.disposition import preview_of
from files_service.services.shares.gate import Opened
from storage_adapters import JSON, FileRecord

_LOCKED = (401, 429)
_TITLES = {
    403: "This file cannot be downloaded here",
    404: "There is no such link",
    410: "This link has ended",
    507: "This link takes no more files",
}
_MESSAGES = {
    404: "The link may be wrong, or incomplete.",
    410: "Its owner has closed it, or its time or its downloads are used up.",
    507: "What was uploaded before is there.",
}


def wants_json(request: web.Request) -> bool:
    """Return True for a program: one that asks for JSON, or sends a raw body, as no page does."""
    if request.path.endswith("/upload") and request.content_type != "multipart/form-data":
        return True
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


@dataclass(frozen=True, slots=True)
class Seen:
    """A share that a visitor may see: its files, and what the visitor has brought to it."""

    opened: Opened
    files: Sequence[FileRecord] = ()
    uploads: Sequence[JSON] = ()


def share_reply(request: web.Request, seen: Seen) -> web.StreamResponse:
    """Reply with the share for its visitors."""
    opened, share = seen.opened, seen.opened.share
    if wants_json(request):
        return json_reply(_share(seen))
    shown: dict[str, Any] = {
        "kind": share.kind.value,
        "takes_files": share.kind.takes_files,
        "require_name": share.require_name,
        "uploads": seen.uploads,
        "key": share.key,
        "title": share.title,
        "message": share.message,
        "files": [
            (record, [(part, save_as(record, part)) for part in record.parts], is_finished(record))
            for record in seen.files
        ],
        "previews": opened.may_read,
        "allow_download": share.allow_download,
        "counted": opened.granted,
    }
    return render(request, "shared.html", **shown)


def refusal(request: web.Request, error: HTTPError) -> web.StreamResponse:
    """Reply with an error: as JSON, or as the page that says why the link does not open or asks for its password."""
    if wants_json(request) or error.status in (416, 405):
        return error_reply(request, error)
    if error.status in _LOCKED:
        response = _locked(request, error)
    else:
        title = _TITLES.get(error.status, "This did not work")
        message = _MESSAGES.get(error.status, f"{str(error.error).capitalize()}.")
        response = render(request, "ended.html", status=error.status, title=title, message=message)
    response.headers.update(error.headers)
    return response


def _locked(request: web.Request, error: HTTPError) -> web.Response:
    required = error.error.details.get("password") == "required"
    return render(
        request,
        "locked.html",
        status=error.status,
        key=request.match_info.get("key", ""),
        message="" if required else f"{str(error.error).capitalize()}.",
        file_id=request.match_info.get("file_id", ""),
    )


def _share(seen: Seen) -> JSON:
    share = seen.opened.share
    shown: JSON = {
        "kind": share.kind.value,
        "title": share.title,
        "message": share.message,
        "expires_at": share.expires_at,
    }
    if share.kind.shows_files:
        shown |= {"allow_download": share.allow_download, "files": [_file(record) for record in seen.files]}
    if share.kind.takes_files:
        shown |= {"require_name": share.require_name, "uploads": list(seen.uploads)}
    return shown


def _file(record: FileRecord) -> JSON:
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
                "name": save_as(record, part),
                "size": part.size,
                "content_type": part.content_type,
            }
            for part in record.parts
        ],
    }
