"""The calls of folders.*, jobs.* and the trash for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, call, of_caller, queried
from files_service.gateway.replies import bad_field, json_reply
from storage_adapters import JSON


async def create(request: web.Request) -> web.StreamResponse:
    """Make a folder: ``{"path": …}``, or ``{"folderName": …, "parent": …}``."""
    body = await body_of(request)
    if "folderName" in body:
        parent, name = body.pop("parent", ""), body.pop("folderName")
        if "path" in body or not isinstance(parent, str) or not isinstance(name, str) or "/" in name:
            raise bad_field("folderName", "Must be the name of a folder, without path.")
        body["path"] = f"{parent.removesuffix('/')}/{name}" if parent.removesuffix("/") else name
    made = await call(request, "folders.create", of_caller(request, body))
    return json_reply(made, 201 if made["created"] else 200)


async def list_folder(request: web.Request) -> web.StreamResponse:
    """Reply with a page of a folder."""
    params = queried(request, "owner", "path", "cursor", most=100)
    return json_reply(await call(request, "folders.list", params))


async def move(request: web.Request) -> web.StreamResponse:
    """Move a folder."""
    return await _job(request, "folders.move", of_caller(request, await body_of(request)))


async def remove(request: web.Request) -> web.StreamResponse:
    """Move a folder to the trash."""
    return await _job(request, "folders.remove", queried(request, "owner", "path", "request_id"))


async def restore(request: web.Request) -> web.StreamResponse:
    """Take files out of the trash by their ids, or a folder by its path and the time at which it was trashed."""
    given = of_caller(request, await body_of(request))
    if "path" in given:
        return await _job(request, "folders.restore", given)
    given.pop("owner", None)
    return json_reply(await call(request, "files.restore", given))


async def list_trash(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the files in the trash, and the folders that were trashed as one."""
    params = queried(request, "owner", "cursor", "prefix", "delimiter", most=100)
    page = await call(request, "files.list", {**params, "trashed": True})
    if not {"cursor", "prefix", "delimiter"} & set(params):
        whole: dict[str, Any] = {name: params[name] for name in ("owner", "actor") if name in params}
        page |= {"trashed_folders": (await call(request, "folders.trashed", whole))["folders"]}
    return json_reply(page)


async def empty_trash(request: web.Request) -> web.StreamResponse:
    """Delete for good what is in the trash."""
    return await _job(request, "files.empty_trash", queried(request, "owner", "request_id"))


async def list_jobs(request: web.Request) -> web.StreamResponse:
    """Reply with the jobs of an owner."""
    return json_reply(await call(request, "jobs.list", queried(request, "owner", most=100)))


async def job_info(request: web.Request) -> web.StreamResponse:
    """Reply with a job."""
    return json_reply(await call(request, "jobs.info", _named(request)))


async def cancel_job(request: web.Request) -> web.StreamResponse:
    """Cancel a job."""
    return json_reply(await call(request, "jobs.cancel", _named(request)))


async def _job(request: web.Request, method: str, params: Mapping[str, Any]) -> web.StreamResponse:
    """Reply with a job: 200 when it is done, 202 while it runs."""
    job = await call(request, method, params)
    return json_reply(job, 202 if job["state"] == "running" else 200)


def _named(request: web.Request) -> JSON:
    return {"job_id": request.match_info["job_id"], "actor": caller_of(request).actor}
