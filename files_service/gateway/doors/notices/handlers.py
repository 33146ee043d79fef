"""The calls of notices.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from aiohttp import web

from files_service.domain.inbox import KEPT
from files_service.gateway.calls import body_of, call, of_caller, queried
from files_service.gateway.replies import json_reply
from storage_adapters import JSON


async def list_channels(request: web.Request) -> web.StreamResponse:
    """Reply with the channels of an owner."""
    return json_reply(await call(request, "notices.channels", queried(request, "owner")))


async def put_channel(request: web.Request) -> web.StreamResponse:
    """Make or change a channel."""
    given = of_caller(request, {**await body_of(request, "name"), **_named(request)})
    return json_reply(await call(request, "notices.set_channel", given))


async def delete_channel(request: web.Request) -> web.StreamResponse:
    """Remove a channel."""
    return json_reply(await call(request, "notices.remove_channel", {**queried(request, "owner"), **_named(request)}))


async def try_channel(request: web.Request) -> web.StreamResponse:
    """Have a test message sent."""
    return json_reply(
        await call(request, "notices.test_channel", {**queried(request, "owner"), **_named(request)}), 202
    )


async def list_notices(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the notices of an owner."""
    return json_reply(await call(request, "notices.list", queried(request, "owner", "cursor", most=KEPT)))


async def read_notices(request: web.Request) -> web.StreamResponse:
    """Mark notices as read, all of them where the body names none."""
    return json_reply(await call(request, "notices.read", of_caller(request, await body_of(request))))


def _named(request: web.Request) -> JSON:
    return {"name": request.match_info["name"]}
