"""The calls of folders.*, jobs.* and the trash for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from storage_adapters import JSON


async def create(request: web.Request) -> web.StreamResponse:
    """Make a folder: ``{"path": …}``, or ``{"folderName": …, "parent": …}``."""
    caller = caller_of(request)
    body = await _body(request, caller)
    if "folderName" in body:
        parent, name = body.pop("parent", ""), body.pop("folderName")
        if "path" in body or not isinstance(parent, str) or not isinstance(name, str) or "/" in name:
            raise bad_field("folderName", "Must be the name of a folder, without path.")
        body["path"] = f"{parent.removesuffix('/')}/{name}" if parent.removesuffix("/") else name
    made = await _call(request, "folders.create", {**_owner(caller), **body, "actor": caller.actor})
    return json_reply(made, 201 if made["created"] else 200)


async def list_folder(request: web.Request) -> web.StreamResponse:
    """Reply with a page of a folder."""
    params = _queried(request, ("owner", "path", "cursor"))
    return json_reply(await _call(request, "folders.list", params))


async def move(request: web.Request) -> web.StreamResponse:
    """Move a folder."""
    return await _job(request, "folders.move", await _given(request))


async def remove(request: web.Request) -> web.StreamResponse:
    """Move a folder to the trash."""
    return await _job(request, "folders.remove", _queried(request, ("owner", "path", "request_id"), paged=False))


async def restore(request: web.Request) -> web.StreamResponse:
    """Take files out of the trash by their ids, or a folder by its path and the time at which it was trashed."""
    given = await _given(request)
    if "path" in given:
        return await _job(request, "folders.restore", given)
    given.pop("owner", None)
    return json_reply(await _call(request, "files.restore", given))


async def list_trash(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the files in the trash, and the folders that were trashed as one."""
    params = _queried(request, ("owner", "cursor", "prefix", "delimiter"))
    page = await _call(request, "files.list", {**params, "trashed": True})
    if not {"cursor", "prefix", "delimiter"} & set(params):
        whole: dict[str, Any] = {name: params[name] for name in ("owner", "actor") if name in params}
        page |= {"trashed_folders": (await _call(request, "folders.trashed", whole))["folders"]}
    return json_reply(page)


async def empty_trash(request: web.Request) -> web.StreamResponse:
    """Delete for good what is in the trash."""
    return await _job(request, "files.empty_trash", _queried(request, ("owner", "request_id"), paged=False))


async def list_jobs(request: web.Request) -> web.StreamResponse:
    """Reply with the jobs of an owner."""
    return json_reply(await _call(request, "jobs.list", _queried(request, ("owner",))))


async def job_info(request: web.Request) -> web.StreamResponse:
    """Reply with a job."""
    return json_reply(await _call(request, "jobs.info", _named(request)))


async def cancel_job(request: web.Request) -> web.StreamResponse:
    """Cancel a job."""
    return json_reply(await _call(request, "jobs.cancel", _named(request)))


async def _job(request: web.Request, method: str, params: Mapping[str, Any]) -> web.StreamResponse:
    """Reply with a job: 200 when it is done, 202 while it runs."""
    job = await _call(request, method, params)
    return json_reply(job, 202 if job["state"] == "running" else 200)


async def _given(request: web.Request) -> dict[str, Any]:
    caller = caller_of(request)
    return {**_owner(caller), **await _body(request, caller), "actor": caller.actor}


async def _body(request: web.Request, caller: Caller) -> JSON:
    require_json(request)
    limits = gateway_of(request).limits
    body = parse_object(await read_small(request, limits, most=most_of(caller, limits)), limits)
    if "actor" in body:
        raise bad_field("actor", "Unknown field.")
    return body


def _queried(request: web.Request, names: tuple[str, ...], *, paged: bool = True) -> dict[str, Any]:
    caller, known = caller_of(request), (*names, "limit") if paged else names
    for name in request.query:
        if name not in known:
            raise bad_field(name[:100], "Unknown parameter.")
    given: dict[str, Any] = {name: request.query[name] for name in names if name in request.query}
    if paged and "limit" in request.query:
        given["limit"] = number(request, "limit", 100, 1, 100)
    return {**_owner(caller), **given, "actor": caller.actor}


def _named(request: web.Request) -> JSON:
    return {"job_id": request.match_info["job_id"], "actor": caller_of(request).actor}


def _owner(caller: Caller) -> JSON:
    return {} if caller.actor is None else {"owner": caller.actor}


async def _call(request: web.Request, method: str, params: Mapping[str, Any]) -> JSON:
    gateway = gateway_of(request)
    return await gateway.calls.run(gateway.invoke, method, dict(params))
