"""``/api/files``: lists, records, bytes, manifests, access and removal of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.access import NOBODY
from files_service.domain.derived import find_preview
from files_service.domain.filenames import save_as
from files_service.errors import Forbidden, NotFound, error_from_wire
from files_service.gateway.auth.bearer import unauthorized
from files_service.gateway.auth.callers import actor_of, caller_of, holders_of
from files_service.gateway.query import flag, number, texts
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part
from files_service.services.files import readable, require_finished
from files_service.services.shares.folder import links_that_show
from files_service.services.shares.ownership import link_of_file
from files_service.services.uploads.manifests import MOST_CHUNKS, PAGE_CHUNKS, manifest_of_record
from storage_adapters import JSON, Access, FileRecord, RecordNotFound

_TEXTS = (
    "owner",
    "access",
    "search",
    "order_by",
    "order",
    "cursor",
    "min_change",
    "consistency",
    "prefix",
    "delimiter",
)
_QUERY = {*_TEXTS, "limit", "with_total", "tags", "filter", "fields"}


async def list_files(request: web.Request) -> web.StreamResponse:
    """Reply with a page of files: the parameters are those of files.list, the owner defaults to the caller."""
    return await _list(request, _list_params(request))


async def _list(request: web.Request, params: dict[str, Any]) -> web.StreamResponse:
    gateway, caller = gateway_of(request), caller_of(request)
    if caller.actor is not None:
        params |= {"actor": caller.actor, "owner": params.get("owner", caller.actor)}
    return json_reply(await gateway.calls.run(gateway.invoke, "files.list", params))


async def search(request: web.Request) -> web.StreamResponse:
    """Reply with a page of files that are found by ``query``, with ``folder`` those in it and below.

    The other parameters are those of a list.
    """
    caller_of(request)
    if not request.query.get("query", "").strip():
        raise bad_field("query", "Missing.")
    params = _list_params(request, search_as="query")
    if "folder" in request.query:
        params["prefix"] = f"{request.query['folder'].removesuffix('/')}/"
    return await _list(request, params)


async def info(request: web.Request) -> web.StreamResponse:
    """Reply with the record."""
    gateway, actor = gateway_of(request), actor_of(request)
    read = gateway.counted("files.info", _info)
    return json_reply(await gateway.calls.run(read, gateway.core, request.match_info["file_id"], actor))


async def manifest(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the manifest."""
    gateway, actor = gateway_of(request), actor_of(request)
    page = {
        "start": number(request, "start", 0, 0, 2**53),
        "limit": number(request, "limit", PAGE_CHUNKS, 1, MOST_CHUNKS),
    }
    read = gateway.counted("files.manifest", _manifest)
    return json_reply(await gateway.calls.run(read, gateway.core, request.match_info["file_id"], actor, page))


async def download(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part, by default the first: as an attachment, or with ``inline=1`` for display."""
    gateway = gateway_of(request)
    inline = flag(request, "inline")
    actor, find = actor_of(request), gateway.counted("files.download", _find)
    with gateway.downloads.take(*holders_of(request, actor), f"file {request.match_info['file_id']}"):
        found = await gateway.calls.run(
            find, gateway.core, request.match_info["file_id"], request.query.get("part"), actor
        )
        public = found.record.access is Access.PUBLIC
        headers = part_headers(
            found,
            "inline" if inline else "attachment",
            save_as(found.record, found.part),
            "public, max-age=60" if public else "private, max-age=60",
        )
        if not public:
            headers["Vary"] = "Authorization"
        return await send_part(request, gateway, found, headers)


async def preview(request: web.Request) -> web.StreamResponse:
    """Send a picture that was made of the file, of this kind or the one nearest to it.

    With ``part``, its id, the address always has the same bytes, and clients may keep them.
    """
    gateway, actor = gateway_of(request), actor_of(request)
    file_id, part_id = request.match_info["file_id"], request.query.get("part")
    find = gateway.counted("files.download", _find_preview)
    with gateway.downloads.take(*holders_of(request, actor), f"file {file_id}"):
        found = await gateway.calls.run(find, gateway.core, file_id, request.match_info["kind"], part_id, actor)
        kept = "max-age=60" if part_id is None else "max-age=31536000, immutable"
        public = found.record.access is Access.PUBLIC
        control = f"public, {kept}" if public and part_id is None else f"private, {kept}"
        headers = part_headers(found, "inline", save_as(found.record, found.part), control)
        headers["Vary"] = "Authorization"
        return await send_part(request, gateway, found, headers)


async def set_access(request: web.Request) -> web.StreamResponse:
    """Set the access of the file: ``{"access": …}``, or ``{"accessType": …}``, with which ``shared`` makes a link."""
    gateway = gateway_of(request)
    caller = caller_of(request)
    require_json(request)
    body = parse_object(await read_small(request, gateway.limits, most=most_of(caller, gateway.limits)), gateway.limits)
    if set(body) not in ({"access"}, {"accessType"}):
        raise bad_field("body", "Must be an object with access or accessType alone.")
    [(name, access)] = body.items()
    params = {"file_ids": [request.match_info["file_id"]], "actor": caller.actor, "access": access}
    result = await gateway.calls.run(_set_access, gateway, params)
    if name == "accessType" and result["access"] == Access.SHARED:
        result |= await gateway.calls.run(_link, gateway.core, result["file_id"], caller.actor)
    elif name == "accessType" and result["access"] == Access.PRIVATE:
        result |= await gateway.calls.run(_links_left, gateway.core, result["file_id"], caller.actor)
    return json_reply(result)


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove the file. That of a person goes to the trash, and with ``permanent=1`` from there for good."""
    gateway, caller = gateway_of(request), caller_of(request)
    permanent = flag(request, "permanent")
    params: dict[str, Any] = {"file_id": request.match_info["file_id"], "actor": caller.actor}
    method = "files.remove"
    if caller.identity is not None:
        method, params = ("files.remove", {**params, "only_trashed": True}) if permanent else ("files.trash", params)
    return json_reply(await gateway.calls.run(gateway.invoke, method, params))


def _list_params(request: web.Request, *, search_as: str = "search") -> dict[str, Any]:
    query = request.query
    known = _QUERY - {"search"} | {search_as} | ({"folder"} if search_as == "query" else set())
    unknown = [name for name in query if name not in known]
    if unknown:
        raise bad_field(unknown[0][:100], "Unknown parameter.")
    params: dict[str, Any] = {name: query[name] for name in _TEXTS if name in query}
    if search_as in query:
        params["search"] = query[search_as]
    if "limit" in query:
        if not query["limit"].isascii() or not query["limit"].isdecimal() or len(query["limit"]) > 9:
            raise bad_field("limit", "Must be a number.")
        params["limit"] = int(query["limit"])
    if "with_total" in query:
        params["with_total"] = flag(request, "with_total")
    params |= {name: texts(request, name) for name in ("tags", "fields") if name in query}
    if "filter" in query:
        try:
            params["filter"] = orjson.loads(query["filter"])
        except orjson.JSONDecodeError:
            raise bad_field("filter", "Not JSON.") from None
    return params


def _readable(core: Core, file_id: str, actor: str | None) -> FileRecord:
    """Load a file. Without a token, a missing file and one that needs a token are the same error."""
    try:
        return readable(core, file_id, actor)
    except (Forbidden, NotFound, RecordNotFound):
        if actor != NOBODY:
            raise
    raise unauthorized("send Authorization: Bearer, with an end user's token")


def _info(core: Core, file_id: str, actor: str | None) -> JSON:
    return to_wire(_readable(core, file_id, actor), actor)


def _manifest(core: Core, file_id: str, actor: str | None, page: Mapping[str, int]) -> JSON:
    return manifest_of_record(core, _readable(core, file_id, actor), **page)


def _find(core: Core, file_id: str, part_id: str | None, actor: str | None) -> Found:
    return part_of(_readable(core, file_id, actor), part_id, core)


def _find_preview(core: Core, file_id: str, kind: str, part_id: str | None, actor: str | None) -> Found:
    record = _readable(core, file_id, actor)
    require_finished(record)
    part = find_preview(record.derived, kind)
    if part is None or part_id not in (None, part.part_id):
        raise NotFound("the file has no such preview", {"file_id": file_id})
    return part_of(record, part.part_id, core)


def _set_access(gateway: Gateway, params: dict[str, Any]) -> JSON:
    """Set the access of one file; an error of the file becomes the error of the request."""
    answer = gateway.invoke("files.access", params)
    [result] = answer["files"]
    if not result["ok"]:
        raise error_from_wire(result["error"])
    return dict(result)


def _links_left(core: Core, file_id: str, actor: str | None) -> JSON:
    """Return the links of folders that still show a private file."""
    left = links_that_show(core, readable(core, file_id, actor))
    url = core.settings.public_url
    return {"links": [{"share_id": each.share_id, "url": each.url(url), "path": each.path} for each in left]}


def _link(core: Core, file_id: str, actor: str | None) -> JSON:
    """Return the address of the link of a file that is shared with nobody by name."""
    record = readable(core, file_id, actor)
    return {} if record.grantees else {"url": link_of_file(core, actor, record)["url"]}
