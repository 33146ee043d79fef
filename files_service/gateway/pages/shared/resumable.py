"""Files that visitors bring by tus 1.0.0: ``/s/{key}/tus/`` begins an upload, the address below it continues one.

Each request passes the gate of the link anew, and one that is running ends with the link. An upload is the visit's: the
cookie of the visit is needed with each request, and comes with the reply to the first one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from files_service.api.begin import begin
from files_service.errors import Forbidden, Gone, TooLarge
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.shared.uploads import let_in
from files_service.gateway.pages.shared.visitors import SENDER, is_own_form, set_proof, visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer import tus_headers
from files_service.gateway.transfer.tus_body import Body, append, body_of
from files_service.gateway.transfer.upload_body import Most, complete_if_all_there
from files_service.gateway.transfer.upload_locks import upload_locks_of
from files_service.gateway.watching import watching_while
from files_service.services.accounts.documents import new_secret
from files_service.services.shares import resuming
from files_service.services.shares.gate import Opened, stays_open
from files_service.services.shares.receiving import Sender, quota_hidden
from files_service.services.shares.resuming import Brought

MAX_REQUEST_ID = 100
_EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration"


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request of a visitor who was let in, with the secret of the visit; a new one at its first upload."""

    request: web.Request
    gateway: Gateway
    opened: Opened
    sender: Sender


async def options(request: web.Request) -> web.StreamResponse:
    """Reply with the capabilities of this address, the same for every key."""
    settings = gateway_of(request).core.settings
    headers = {
        "Tus-Version": tus_headers.VERSION,
        "Tus-Extension": _EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(tus_headers.ALGORITHMS),
        "Tus-Max-Size": str(min(settings.max_part_bytes, settings.max_file_bytes)),
    }
    return _reply(204, headers)


async def create(request: web.Request) -> web.StreamResponse:
    """Begin an upload; the request may carry bytes."""
    said, length = tus_headers.metadata_of(request.headers), tus_headers.length_of(request.headers)
    if "Upload-Concat" in request.headers:
        raise bad_field("Upload-Concat", "A link takes whole files.")
    async with _let_in(request, said.get("sender", "").strip()) as visit:
        core, share, gateway = visit.gateway.core, visit.opened.share, visit.gateway
        body = _body_of(request)
        if body is not None and length is not None and (body.size or 0) > length:
            raise HTTPError(TooLarge("more bytes than the upload has", {"field": "body", "limit": length}))
        start = partial(_begin, visit, said, length)
        brought = await gateway.calls.run(gateway.counted("files.upload", start))
        try:
            # What an earlier request of this id has begun takes no bytes again: its offset tells which are missing.
            is_new = not brought.upload.received
            brought = await _receive(visit, brought, 0 if is_new else None, body if is_new else None)
        except BaseException as error:
            if "request_id" not in said:
                # The visitor does not know the address of the upload and cannot continue it.
                await asyncio.shield(gateway.calls.run(resuming.give_up, core, share, brought))
            elif tus_headers.is_elsewhere(error):
                brought = await _find(visit, brought.upload.upload_id)
            if "request_id" not in said or not tus_headers.is_elsewhere(error):
                raise
        place = f"{core.settings.public_path}/s/{share.key}/tus/{brought.upload.upload_id}"
        response = _reply(201, {"Location": place, **_state(brought)})
        set_proof(request, response, SENDER, visit.sender.secret)
        return response


async def head(request: web.Request) -> web.StreamResponse:
    """Reply with the offset of an upload."""
    async with _let_in(request) as visit:
        brought = await _receive(visit, await _find(visit), None, None)
        length = {"Upload-Defer-Length": "1"} if brought.length is None else {"Upload-Length": str(brought.length)}
        return _reply(200, {"Cache-Control": "no-store", **length, **_state(brought)})


async def patch(request: web.Request) -> web.StreamResponse:
    """Append bytes at the offset of an upload."""
    offset, length = (
        tus_headers.offset_of(request.headers),
        tus_headers.number(request.headers, "Upload-Length"),
    )
    tus_headers.require_content_type(request.headers)
    async with _let_in(request) as visit:
        brought = await _find(visit)
        if length is not None:
            share, calls = visit.opened.share, visit.gateway.calls
            brought = await calls.run(resuming.set_length, visit.gateway.core, share, brought, length)
        brought = await _receive(visit, brought, offset, _body_of(request))
        return _reply(204, _state(brought))


async def delete(request: web.Request) -> web.StreamResponse:
    """Give an unfinished upload up."""
    async with _let_in(request) as visit:
        brought = await _find(visit)
        async with upload_locks_of(request).hold(brought.upload.upload_id):
            remove = visit.gateway.counted("files.remove", resuming.give_up)
            await visit.gateway.calls.run(remove, visit.gateway.core, visit.opened.share, brought)
        return _reply(204, {})


@asynccontextmanager
async def _let_in(request: web.Request, sender: str = "") -> AsyncIterator[_Visit]:
    """Let a visitor in who may bring files; end the block soon after the link has ended."""
    if not is_own_form(request):
        raise HTTPError(Forbidden("the request is not of this site"))
    tus_headers.require_version(request.headers)
    gateway, proofs = gateway_of(request), visit_of(request)
    opened = await gateway.calls.run(let_in, gateway.core, request.match_info["key"], proofs)
    secret = proofs.sender or new_secret()
    visit = _Visit(request, gateway, opened, Sender(secret, client_of(request)["address"], sender))
    async with watching_while(gateway, lambda: stays_open(gateway.core, opened), Gone("the link has ended")):
        with quota_hidden():
            yield visit


def _begin(visit: _Visit, said: Mapping[str, str], length: int | None) -> Brought:
    """Begin an upload, or find the one that an earlier request of the same visit and id began."""
    core, share, sender = visit.gateway.core, visit.opened.share, visit.sender
    name, request_id = tus_headers.name_of(said), said.get("request_id")
    if request_id is not None:
        if not 1 <= len(request_id) <= MAX_REQUEST_ID:
            raise bad_field("request_id", f"Must be 1 to {MAX_REQUEST_ID} characters.")
        earlier = resuming.begun_earlier(core, share, sender, request_id, name=name, length=length)
        if earlier is not None:
            return earlier
    kind = tus_headers.type_of(said)
    upload = begin(core, resuming.beginning(core, share, sender, name=name, length=length, content_type=kind))
    if request_id is None:
        return resuming.brought_of(upload)
    return resuming.note_request(core, share, sender, request_id, upload)


async def _find(visit: _Visit, upload_id: str | None = None) -> Brought:
    upload_id, secret = upload_id or visit.request.match_info["upload_id"], visit.sender.secret
    gateway, share = visit.gateway, visit.opened.share
    return await gateway.calls.run(resuming.find_brought, gateway.core, share, secret, upload_id)


async def _receive(visit: _Visit, brought: Brought, offset: int | None, body: Body | None) -> Brought:
    """Store a body at an offset, None for a request without one, and make a file of an upload that has all bytes."""
    request, gateway, share = visit.request, visit.gateway, visit.opened.share
    if offset is None and not (brought.has_all and brought.upload.sealed_at is None):
        return brought
    with gateway.uploads.take(peer_holder(request), f"share {share.share_id}"):
        async with upload_locks_of(request).hold(brought.upload.upload_id) as lock:
            # Under the lock no other request of this gateway moves the offset.
            if brought.upload.received or lock.displaced:
                brought = await _find(visit, brought.upload.upload_id)
            if offset not in (None, brought.upload.contiguous):
                raise tus_headers.elsewhere(brought.upload.contiguous)
            if body is not None and offset is not None and not brought.has_all:
                most = await gateway.calls.run(_room, visit, brought, body.size or 0)
                upload = await append(request, gateway, brought.upload, offset, body, lock=lock, most=most)
                brought = resuming.brought_of(upload)
            if brought.has_all:
                finish = partial(complete_if_all_there, gateway)
                await gateway.transfers.run(resuming.finish_brought, gateway.core, share, visit.sender, brought, finish)
    return brought


def _room(visit: _Visit, brought: Brought, size: int) -> Most:
    offset, length = brought.upload.contiguous, brought.length
    too_large = TooLarge(f"the upload ends at {length}", {"field": "Upload-Offset", "limit": length})
    if length is not None and offset + size > length:
        raise too_large
    room, error = resuming.require_fitting(visit.gateway.core, visit.opened.share, brought.upload, size)
    return (length - offset, too_large) if length is not None and length - offset < room else (room, error)


def _body_of(request: web.Request) -> Body | None:
    body = body_of(request)
    if body is not None:
        tus_headers.require_content_type(request.headers)
    return body


def _state(brought: Brought) -> dict[str, str]:
    headers = {"Upload-Offset": str(brought.upload.contiguous)}
    if not brought.has_all:
        headers["Upload-Expires"] = tus_headers.expires(brought.upload.expires_at)
    return headers


def _reply(status: int, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, headers={"Tus-Resumable": tus_headers.VERSION, **headers})
