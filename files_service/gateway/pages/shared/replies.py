"""Forms of a share for its visitors: the page or JSON, and refusals in the same form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import segno
from aiohttp import web
from markupsafe import Markup

from files_service.domain.derived import find_preview, kind_of
from files_service.domain.editing import is_finished
from files_service.domain.filenames import save_as
from files_service.domain.shares import DERIVATIVES
from files_service.gateway.pages.rendering import render
from files_service.gateway.pages.shared.places import FolderAddress, cursor_of
from files_service.gateway.replies import HTTPError, error_reply, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.tus_headers import VERSION
from files_service.services.shares.cover import find_cover
from files_service.services.shares.folder import FolderPage
from files_service.services.shares.gate import Opened
from files_service.services.shares.share import Share
from storage_adapters import JSON, FileRecord, Part

_LOCKED = (401, 429)
_PLAYED = ("video", "audio")
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
    """Return True for a program: one that asks for JSON, speaks tus, or sends a raw body, as no page does."""
    if "Tus-Resumable" in request.headers:
        return True
    if request.path.endswith("/upload") and request.content_type != "multipart/form-data":
        return True
    accepted = request.headers.get("Accept", "")
    return "application/json" in accepted and "text/html" not in accepted


@dataclass(frozen=True, slots=True)
class Seen:
    """A share that a visitor may see: its files, the visitor's uploads, and the page of its folder, if it has one."""

    opened: Opened
    files: Sequence[FileRecord] = ()
    uploads: Sequence[JSON] = ()
    folder: FolderPage | None = None

    @property
    def place(self) -> FolderAddress:
        """The place in the folder of the share that the visitor sees."""
        return FolderAddress(self.folder.below if self.folder is not None else "")

    @property
    def following(self) -> FolderAddress | None:
        """The place of the next page, None at the end."""
        page = self.folder
        return None if page is None or page.following is None else FolderAddress(page.below, page.following)


def share_reply(request: web.Request, seen: Seen) -> web.StreamResponse:
    """Reply with the share for its visitors."""
    opened, share = seen.opened, seen.opened.share
    if wants_json(request):
        return json_reply(_share(seen))
    shown: dict[str, Any] = {
        "qr": qr_of(share.url(gateway_of(request).core.settings.public_url)) if opened.is_owner else "",
        "preview_text": _preview_text(seen),
        "picture": _picture(seen, share.url(gateway_of(request).core.settings.public_url)),
        "kind": share.kind.value,
        "takes_files": share.kind.takes_files,
        "require_name": share.require_name,
        "uploads": seen.uploads,
        "crumbs": [(name, place.query()) for name, place in seen.place.crumbs],
        "folders": [(name, seen.place.inside(name).query()) for name in (seen.folder.folders if seen.folder else ())],
        "following": seen.following.query() if seen.following is not None else "",
        "is_folder": seen.folder is not None,
        "key": share.key,
        "title": share.title,
        "message": share.message,
        "files": [_shown(record, opened) for record in seen.files],
        "allow_download": share.allow_download,
        "counted": opened.granted,
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
        title = _TITLES.get(error.status, "This did not work")
        if error.error.details.get("deleted") == "version":
            title, message = "This version was deleted", "The link showed one version of a file, which is not kept."
        else:
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
    share = seen.opened.share
    found = find_cover(share, seen.files)
    if found is None:
        return ""
    record, part = found
    return f"{url}/cover?{urlencode({'file_id': record.file_id, 'part': part.part_id})}"


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


@dataclass(frozen=True, slots=True)
class _Shown:
    """A file on the page: its parts with their names, and the part that is shown as a preview, None for none."""

    record: FileRecord
    parts: Sequence[tuple[Part, str]]
    is_finished: bool
    preview: str
    preview_part: str
    metadata: JSON


def _shown(record: FileRecord, opened: Opened) -> _Shown:
    whole = preview_of(record.content_type) if opened.may_read else ""
    made = next((each for each in record.parts if each.type in DERIVATIVES and preview_of(each.content_type)), None)
    if made is None and whole not in _PLAYED:
        made = find_preview(record.derived, "thumbnail-1600")
    return _Shown(
        record=record,
        parts=[(part, save_as(record, part)) for part in _content_of(record)],
        is_finished=is_finished(record),
        preview=preview_of(made.content_type) if made is not None else whole,
        preview_part=made.part_id if made is not None else "",
        metadata=_metadata(record, opened.share),
    )


def _content_of(record: FileRecord) -> Sequence[Part]:
    """Return the parts that visitors download: not those that were made of them."""
    return [part for part in record.parts if part.type not in DERIVATIVES] or record.parts


def _metadata(record: FileRecord, share: Share) -> JSON:
    if not share.show_metadata:
        return {}
    return {
        "description": record.meta.get("description") or "",
        "tags": list(record.tags),
        "uploaded_at": record.uploaded_at,
    }


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
        **_metadata(record, share),
    }
