"""``/api/files``: lists, one file, its bytes, its manifest, its access, its removal."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.filenames import save_as
from files_service.domain.uploads import find_part
from files_service.errors import Forbidden, NotFound, Unauthorized, error_from_wire, storage_errors_as_files_errors
from files_service.gateway.auth.bearer import identify
from files_service.gateway.auth.owners import NOBODY, actor_of
from files_service.gateway.doors.blobs.download import Found, found_part, part_headers, send_part
from files_service.gateway.doors.rpc import invoke
from files_service.gateway.replies import Refused, bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json
from files_service.services.files import readable, require_finished
from files_service.services.uploads.manifests import manifest_of_record
from storage_adapters import JSON, Access, FileRecord

_TEXTS = ("owner", "access", "search", "order_by", "order", "cursor", "min_change", "consistency")
_QUERY = {*_TEXTS, "limit", "with_total", "tags", "filter", "fields"}
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


async def preflight(request: web.Request) -> web.StreamResponse:
    """Tell a browser what a page of another origin may do here."""
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "DELETE, GET, HEAD, POST, PUT",
            "Access-Control-Allow-Headers": (
                "Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, "
                "If-Unmodified-Since, Range, X-Request-Id"
            ),
            "Access-Control-Max-Age": "86400",
            "Allow": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
        },
    )


async def list_files(request: web.Request) -> web.StreamResponse:
    """Answer with a page of files: the parameters are those of files.list, the owner is whose token it is."""
    gateway = gateway_of(request)
    caller = identify(request.headers.get("Authorization"), gateway.core.settings)
    params = _list_params(request)
    if caller.actor is not None:
        params |= {"actor": caller.actor, "owner": params.get("owner", caller.actor)}
    return json_reply(await gateway.calls.run(invoke, gateway, "files.list", params))


async def info(request: web.Request) -> web.StreamResponse:
    """Answer with the record."""
    gateway, actor = gateway_of(request), actor_of(request)
    record = await gateway.calls.run(_readable, gateway.core, request.match_info["file_id"], actor)
    return json_reply(to_wire(record, actor))


async def manifest(request: web.Request) -> web.StreamResponse:
    """Answer with the manifest."""
    gateway = gateway_of(request)
    return json_reply(
        await gateway.calls.run(_manifest, gateway.core, request.match_info["file_id"], actor_of(request))
    )


async def download(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part, by default the first: as an attachment, or with ``inline=1`` to be shown."""
    gateway = gateway_of(request)
    inline = flag(request, "inline")
    with gateway.downloads.take():
        found = await gateway.calls.run(
            _find, gateway.core, request.match_info["file_id"], request.query.get("part"), actor_of(request)
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


async def set_access(request: web.Request) -> web.StreamResponse:
    """Set who may read: ``{"access": …}``."""
    gateway = gateway_of(request)
    caller = identify(request.headers.get("Authorization"), gateway.core.settings)
    require_json(request)
    body = parse_object(await read_small(request, gateway.limits), gateway.limits)
    params = {"file_ids": [request.match_info["file_id"]], "actor": caller.actor, **body}
    if set(body) != {"access"}:
        raise bad_field("body", "Must be an object with access alone.")
    return json_reply(await gateway.calls.run(_set_access, gateway, params))


async def remove(request: web.Request) -> web.StreamResponse:
    """Remove the file."""
    gateway = gateway_of(request)
    caller = identify(request.headers.get("Authorization"), gateway.core.settings)
    params = {"file_id": request.match_info["file_id"], "actor": caller.actor}
    return json_reply(await gateway.calls.run(invoke, gateway, "files.remove", params))


def flag(request: web.Request, name: str) -> bool:
    """A query parameter that is yes or no. Raises Refused."""
    value = request.query.get(name, "0").lower()
    if value not in _FLAGS:
        raise bad_field(name, "Must be 1 or 0.")
    return _FLAGS[value]


def texts(request: web.Request, name: str) -> list[str]:
    """A query parameter that may be repeated, or hold several values with commas between."""
    return [each.strip() for value in request.query.getall(name, []) for each in value.split(",") if each.strip()]


def _list_params(request: web.Request) -> dict[str, Any]:
    query = request.query
    unknown = [name for name in query if name not in _QUERY]
    if unknown:
        raise bad_field(unknown[0][:100], "Unknown parameter.")
    params: dict[str, Any] = {name: query[name] for name in _TEXTS if name in query}
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
    """Load a file. Without a token, one that needs a token and one that is not there are the same."""
    try:
        with storage_errors_as_files_errors():
            return readable(core, file_id, actor)
    except (Forbidden, NotFound):
        if actor != NOBODY:
            raise
    message = "send Authorization: Bearer, with an end user's token"
    raise Refused(
        Unauthorized(message, {"fields": {"Authorization": [message]}}),
        headers={"WWW-Authenticate": 'Bearer realm="files"'},
    )


def _manifest(core: Core, file_id: str, actor: str | None) -> JSON:
    record = _readable(core, file_id, actor)
    with storage_errors_as_files_errors():
        return manifest_of_record(core, record)


def _find(core: Core, file_id: str, part_id: str | None, actor: str | None) -> Found:
    record = _readable(core, file_id, actor)
    require_finished(record)
    part = find_part(record, part_id) if part_id is not None else record.parts[0]
    if part is None:
        raise NotFound("the file has no such part", {"file_id": file_id})
    return found_part(core, record, part)


def _set_access(gateway: Gateway, params: dict[str, Any]) -> JSON:
    """Set the access of one file; its own error is the answer's."""
    answer = invoke(gateway, "files.access", params)
    [result] = answer["files"]
    if not result["ok"]:
        raise error_from_wire(result["error"])
    return dict(result)
