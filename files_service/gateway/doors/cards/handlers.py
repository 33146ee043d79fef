"""The calls of cards.* for an owner, who is the caller unless a trusted system names one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from aiohttp import web

from files_service.gateway.auth.callers import caller_of
from files_service.gateway.calls import body_of, call, of_caller, queried, require_known
from files_service.gateway.query import number
from files_service.gateway.replies import json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.disposition import content_disposition
from files_service.services.cards.proofs import manifest_of
from storage_adapters import JSON


async def inserted(request: web.Request) -> web.StreamResponse:
    """Note that a card was inserted."""
    return json_reply(await call(request, "cards.inserted", of_caller(request, await body_of(request, many=True))))


async def permit(request: web.Request) -> web.StreamResponse:
    """Allow or ignore a card."""
    given = await _of_card(request)
    return json_reply(await call(request, "cards.permit", given))


async def list_cards(request: web.Request) -> web.StreamResponse:
    """Reply with a page of cards."""
    return json_reply(await call(request, "cards.list", queried(request, "owner", "cursor", most=100)))


async def begin(request: web.Request) -> web.StreamResponse:
    """Begin a session."""
    given = await _of_card(request)
    return json_reply(await call(request, "cards.begin", given), 201)


async def list_sessions(request: web.Request) -> web.StreamResponse:
    """Reply with a page of sessions."""
    return json_reply(await call(request, "cards.sessions", queried(request, "owner", "cursor", most=100)))


async def session(request: web.Request) -> web.StreamResponse:
    """Reply with a session."""
    return json_reply(await call(request, "cards.session", _of_session(request)))


async def progress(request: web.Request) -> web.StreamResponse:
    """Keep what the sender tells of a session."""
    return json_reply(await call(request, "cards.progress", await _of_session_with_body(request)))


async def add(request: web.Request) -> web.StreamResponse:
    """Keep what came of files."""
    return json_reply(await call(request, "cards.add", await _of_session_with_body(request)))


async def list_files(request: web.Request) -> web.StreamResponse:
    """Reply with a page of the files of a session."""
    given = {**queried(request, "cursor", most=1_000), **_of_session(request)}
    given.pop("owner", None)
    return json_reply(await call(request, "cards.files", given))


async def verify(request: web.Request) -> web.StreamResponse:
    """Begin the verification of a session."""
    return json_reply(await call(request, "cards.verify", _of_session(request)), 202)


async def receipt(request: web.Request) -> web.StreamResponse:
    """Reply with the signed receipt of a verdict."""
    return json_reply(await call(request, "cards.receipt", _of_session(request)))


async def manifest(request: web.Request) -> web.StreamResponse:
    """Stream the ASC MHL manifest of a session, of which one page is in memory."""
    gateway, given = gateway_of(request), _of_session(request)
    require_known(request, "generation")
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
    return json_reply(await call(request, "files.known", of_caller(request, await body_of(request, many=True))))


async def _of_card(request: web.Request) -> JSON:
    """Return the parameters of a call about a card, which the address names."""
    return of_caller(request, {**await body_of(request, "card_id", many=True), **_named(request, "card_id")})


async def _of_session_with_body(request: web.Request) -> JSON:
    return {**await body_of(request, "session_id", many=True), **_of_session(request)}


def _of_session(request: web.Request) -> JSON:
    return {**_named(request, "session_id"), "actor": caller_of(request).actor}


def _named(request: web.Request, name: str) -> JSON:
    return {name: request.match_info[name]}
