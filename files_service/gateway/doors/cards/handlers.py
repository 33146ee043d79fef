"""The calls of cards.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from files_service.gateway.auth.bearer import Caller
from files_service.gateway.auth.callers import caller_of
from files_service.gateway.query import number
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import most_of, parse_object, read_small, require_json
from files_service.gateway.transfer.disposition import content_disposition
from files_service.services.cards.proofs import manifest_of
from storage_adapters import JSON


async def inserted(request: web.Request) -> web.StreamResponse:
    """Note that a card was inserted."""
    return json_reply(await _call(request, "cards.inserted", await _given(request)))


async def permit(request: web.Request) -> web.StreamResponse:
    """Allow or ignore a card."""
    given = await _given(request, _named(request, "card_id"))
    return json_reply(await _call(request, "cards.permit", given))


async def list_cards(request: web.Request) -> web.StreamResponse:
    """Reply with a page of cards."""
    return json_reply(await _call(request, "cards.list", _queried(request)))


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a session."""
    given = await _given(request, _named(request, "card_id"))
    return json_reply(await _call(request, "cards.begin", given), 201)


async def list_sessions(request: web.Request) -> web.StreamResponse:
    """Reply with a page of sessions."""
    return json_reply(await _call(request, "cards.sessions", _queried(request)))


async def session(request: web.Request) -> web.StreamResponse:
    """Reply with a session."""
    return json_reply(await _call(request, "cards.session", _of_session(request)))


async def progress(request: web.Request) -> web.StreamResponse:
    """Keep what the sender tells of a session."""
    return json_reply(await _call(request, "cards.progress", await _of_session_with_body(request)))


async def add(request: web.Request) -> web.StreamResponse:
    """Keep what came of files."""
    return json_reply(await _call(request, "cards.add", await _of_session_with_body(request)))


async def list_files(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the files of a session."""
    given = {**_queried(request, most=1_000, names=("cursor",)), **_of_session(request)}
    given.pop("owner", None)
    return json_reply(await _call(request, "cards.files", given))


async def verify(request: web.Request) -> web.StreamResponse:
    """Begin the verification of a session."""
    return json_reply(await _call(request, "cards.verify", _of_session(request)), 202)


async def receipt(request: web.Request) -> web.StreamResponse:
    """Reply with the signed receipt of a verdict."""
    return json_reply(await _call(request, "cards.receipt", _of_session(request)))


async def manifest(request: web.Request) -> web.StreamResponse:
    """Stream the ASC MHL manifest of a session, of which one page is in memory."""
    gateway, given = gateway_of(request), _of_session(request)
    unknown = next((name for name in request.query if name != "generation"), None)
    if unknown is not None:
        raise bad_field(unknown[:100], "Unknown parameter.")
    generation = number(request, "generation", 1, 1, 9_999)
    begin = gateway.counted("cards.manifest", partial(manifest_of, generation=generation))
    pages = await gateway.calls.run(begin, gateway.core, given["actor"], given["session_id"])
    response = web.StreamResponse(headers={"Content-Type": "application/xml", "Cache-Control": "no-store"})
    response.headers["Content-Disposition"] = content_disposition("attachment", f"{given['session_id']}.mhl")
    if request.method != "HEAD":
        await gateway.unless_given_up(_send(request, response, gateway, pages))
    return response


async def _send(request: web.Request, response: web.StreamResponse, gateway: Gateway, pages: Iterator[str]) -> None:
    await response.prepare(request)
    while page := await gateway.calls.run(next, pages, ""):
        await response.write(page.encode())


async def known(request: web.Request) -> web.StreamResponse:
    """Reply with the files that cards have brought before."""
    return json_reply(await _call(request, "files.known", await _given(request)))


async def _given(request: web.Request, fixed: Mapping[str, Any] | None = None) -> JSON:
    """Return the parameters of a call that names an owner; the body names none of those in the address."""
    caller, fixed = caller_of(request), fixed or {}
    body = await _body(request, caller, ("actor", *fixed))
    return {**_owner(caller), **body, **fixed, "actor": caller.actor}


async def _of_session_with_body(request: web.Request) -> JSON:
    given = _of_session(request)
    return {**await _body(request, caller_of(request), tuple(given)), **given}


async def _body(request: web.Request, caller: Caller, barred: tuple[str, ...]) -> JSON:
    require_json(request)
    limits = gateway_of(request).limits
    # A thousand files with their hashes.
    most = most_of(caller, limits, many=True)
    body = parse_object(await read_small(request, limits, most=most), limits)
    for name in barred:
        if name in body:
            raise bad_field(name, "Unknown field.")
    return body


def _queried(request: web.Request, *, most: int = 100, names: tuple[str, ...] = ("owner", "cursor")) -> JSON:
    caller = caller_of(request)
    for name in request.query:
        if name not in (*names, "limit"):
            raise bad_field(name[:100], "Unknown parameter.")
    given: JSON = {name: request.query[name] for name in names if name in request.query}
    if "limit" in request.query:
        given["limit"] = number(request, "limit", most, 1, most)
    return {**_owner(caller), **given, "actor": caller.actor}


def _of_session(request: web.Request) -> JSON:
    return {**_named(request, "session_id"), "actor": caller_of(request).actor}


def _named(request: web.Request, name: str) -> JSON:
    return {name: request.match_info[name]}


def _owner(caller: Caller) -> JSON:
    return {} if caller.actor is None else {"owner": caller.actor}


async def _call(request: web.Request, method: str, params: Mapping[str, Any]) -> JSON:
    gateway = gateway_of(request)
    return await gateway.calls.run(gateway.invoke, method, dict(params))
