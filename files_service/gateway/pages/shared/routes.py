"""The table of ``/s/{key}``: for everybody who has the link."""

from __future__ import annotations

from files_service.gateway.openapi import BINARY, FLAG, READ_REPLIES, TEXT, parameter, query, reply
from files_service.gateway.pages.shared import archives, covers, resumable, transfers, uploads, visits
from files_service.gateway.pages.shared.replies import refusal
from files_service.gateway.routes import Door, Route, at
from files_service.gateway.transfer import tus_headers
from storage_adapters import JSON

_ERRORS = (400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 416, 417, 429, 500, 501, 503, 507)
_EITHER: JSON = {
    "description": "The page, or with Accept: application/json JSON.",
    "content": {"text/html": {"schema": TEXT}, **reply("")["content"]},
}
_REFUSED: dict[int, JSON] = dict.fromkeys(_ERRORS, _EITHER)
_SHOW, _UNLOCK = "A link, for its visitors.", "Give the password of a link."
_BEGIN, _BYTES = "Count a download and go on to the bytes.", "The bytes of a part, by default the first."
_ZIP = "Files of a link, by default all, as a ZIP archive."
_BRING = "Upload files: the fields file of a form, or a raw body with the query parameter name."
_SENT: dict[int, JSON] = {201: reply("What was uploaded."), **_REFUSED, 303: {"description": "To the page."}}
_FILES: JSON = {
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"sender": TEXT, "file": {"type": "array", "items": BINARY["schema"]}},
            }
        },
        "application/octet-stream": BINARY,
    }
}
_NEXT: dict[int, JSON] = {303: {"description": "To the page, or the bytes."}, **_REFUSED}
_SHARE = "/s/{key}"
_UPLOADS, _UPLOAD = f"{_SHARE}{tus_headers.PATH}", f"{_SHARE}{tus_headers.PATH}{{upload_id}}"
_VERSION = [parameter("Tus-Resumable", "header", {"type": "string", "enum": [tus_headers.VERSION]}, required=True)]
_CREATION = ("Upload-Length", "Upload-Defer-Length", "Upload-Metadata")
_CREATE = [*_VERSION, *(parameter(name, "header") for name in _CREATION)]
_OFFSET: JSON = {"type": "string", "pattern": "^[0-9]{1,16}$"}
_AT = [*_VERSION, parameter("Upload-Offset", "header", _OFFSET, required=True), parameter("Upload-Checksum", "header")]
_PIECE: JSON = {"content": {tus_headers.CONTENT_TYPE: BINARY}}
_TUS: JSON = {"description": "Done; the headers are those of tus 1.0.0."}


def _done(status: int) -> dict[int, JSON]:
    return {status: _TUS, **_REFUSED, 409: reply("The offset is another one."), 460: reply("Another checksum.")}


def _form(**fields: JSON) -> JSON:
    schema = {"type": "object", "properties": fields}
    return {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}


_CHOICE = _form(chosen={"type": "array", "items": TEXT}, selection=TEXT)
_IDS = [parameter("files", "query", description="The ids of the files, with commas; all files without it.")]

DOOR = Door(
    name="shared",
    match=at("/s/"),
    routes=(
        Route(
            "GET",
            _SHARE,
            visits.show,
            "shared_page",
            _SHOW,
            {200: _EITHER, **_REFUSED},
            query(path=TEXT, cursor=TEXT),
        ),
        Route(
            "POST",
            f"{_SHARE}/unlock",
            visits.enter_password,
            "unlock_share",
            _UNLOCK,
            _NEXT,
            body=_form(password=TEXT, file_id=TEXT),
        ),
        Route(
            "POST",
            f"{_SHARE}/download",
            visits.begin_download,
            "begin_download",
            _BEGIN,
            _NEXT,
            body=_form(file_id=TEXT, part=TEXT),
        ),
        Route(
            "POST",
            f"{_SHARE}/upload",
            uploads.receive,
            "upload_to_share",
            _BRING,
            _SENT,
            query(name=TEXT, sender=TEXT),
            body=_FILES,
        ),
        Route(
            "GET",
            f"{_SHARE}/files/{{file_id}}",
            transfers.send,
            "shared_bytes",
            _BYTES,
            {**READ_REPLIES, **_REFUSED},
            query(part=TEXT, inline=FLAG),
        ),
        Route("POST", _UPLOADS, resumable.create, "share_tus_create", "Begin an upload by tus.", _done(201), _CREATE),
        Route("OPTIONS", _UPLOADS, resumable.options, "share_tus_options", "What of tus a link can do.", {204: _TUS}),
        Route("HEAD", _UPLOAD, resumable.head, "share_tus_head", "Ask how much has arrived.", _done(200), _VERSION),
        Route("PATCH", _UPLOAD, resumable.patch, "share_tus_patch", "Send bytes.", _done(204), _AT, _PIECE),
        Route("DELETE", _UPLOAD, resumable.delete, "share_tus_delete", "Give an upload up.", _done(204), _VERSION),
        Route(
            "GET",
            f"{_SHARE}/cover",
            covers.send,
            "shared_cover",
            "The picture of an open link, for services that preview links.",
            {200: {"description": "WebP, 1200 x 630.", "content": {"image/webp": BINARY}}, **_REFUSED},
        ),
        Route("POST", f"{_SHARE}/zip", archives.begin, "begin_zip", _BEGIN, _NEXT, body=_CHOICE),
        Route("GET", f"{_SHARE}/zip", archives.send, "shared_zip", _ZIP, {**READ_REPLIES, **_REFUSED}, _IDS),
    ),
    error_form=refusal,
    headers={"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"},
    sessions=True,
    state={covers.COVERS: lambda _: covers.Covers()},
    tag="pages",
)
