"""``POST /s/{key}/upload``: files that visitors bring, by the form of the page or as a raw body.

Each file is taken in piece by piece. An upload ends soon after the link is closed, and leaves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from aiohttp import BodyPartReader, web

from files_service.api.begin import begin
from files_service.core import Core
from files_service.domain.chunking import names_in_upload_id
from files_service.errors import Forbidden, Gone
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.rendering import redirect
from files_service.gateway.pages.shared.replies import wants_json
from files_service.gateway.pages.shared.visitors import SENDER, is_own_form, set_proof, visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.replies import HTTPError, bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import BODY_ERRORS, let_send, require_plain
from files_service.gateway.transfer.form_fields import FormReader, names_of, next_field, no_form
from files_service.gateway.transfer.form_files import read_text, take_in_field
from files_service.gateway.transfer.min_rate import MinRate, body_rate
from files_service.gateway.transfer.receive import broke_off
from files_service.gateway.transfer.upload_body import Most, complete_if_all_there, finish_stream, take_in
from files_service.gateway.transfer.upload_locks import upload_locks_of
from files_service.gateway.watching import watching_while
from files_service.services.accounts.documents import new_secret
from files_service.services.shares import receiving
from files_service.services.shares.gate import Opened, Visit, open_share, stays_open
from files_service.services.shares.placing import place
from files_service.services.shares.receiving import Sender, quota_hidden
from files_service.services.uploads.session import declare_size
from files_service.services.uploads.terminate import abandon
from storage_adapters import JSON, Upload

MAX_FILES = 1_000
_SAID = {"name", "sender"}
# Receives the bytes of a file into its upload.
Take = Callable[[Upload, Most], Awaitable[Upload]]


@dataclass(slots=True)
class _Reception:
    """One request that brings files: the gateway, the share that it was let into, and the sender."""

    gateway: Gateway
    opened: Opened
    sender: Sender
    taken: list[JSON] = field(default_factory=list)


async def receive(request: web.Request) -> web.StreamResponse:
    """Take files: the fields ``file`` of a form, or a raw body with ``?name=``."""
    if not is_own_form(request):
        raise HTTPError(Forbidden("the form is not of this site"))
    require_plain(request)
    for name in request.query:
        if name not in _SAID:
            raise bad_field(name[:100], "Unknown parameter.")
    gateway, key, visit = gateway_of(request), request.match_info["key"], visit_of(request)
    opened = await gateway.calls.run(let_in, gateway.core, key, visit)
    secret, said = visit.sender or new_secret(), request.query.get("sender", "").strip()
    reception = _Reception(gateway, opened, Sender(secret, client_of(request)["address"], said))
    form, core = request.content_type == "multipart/form-data", gateway.core
    # The places of the owner are not a visitor's to take.
    with gateway.uploads.take(peer_holder(request), f"share {opened.share.share_id}"):
        async with watching_while(gateway, lambda: stays_open(core, opened), Gone("the link has ended")):
            with quota_hidden():
                await (_take_form if form else _take_body)(request, reception)
    done = {"uploads": reception.taken}
    response = json_reply(done, 201) if wants_json(request) else redirect(request, f"/s/{key}")
    set_proof(request, response, SENDER, secret)
    return response


def let_in(core: Core, key: str, visit: Visit) -> Opened:
    """Let a visitor in who may bring files. Raises as ``open_share``, and Forbidden for a link that takes none."""
    opened = open_share(core, key, visit)
    receiving.require_taking(opened)
    return opened


async def _take_body(request: web.Request, reception: _Reception) -> None:
    if "name" not in request.query:
        raise bad_field("name", "Send the name of the file: ?name=")
    gateway = reception.gateway
    size = request.content_length if "Transfer-Encoding" not in request.headers else None

    async def take(begun: Upload, most: Most) -> Upload:
        async with upload_locks_of(request).hold(begun.upload_id) as lock:
            stream = await take_in(request, gateway, begun, 0, size=size, lock=lock, most=most)
            return await finish_stream(gateway, stream)

    await _take_file(reception, request.query["name"], size, request.headers.get("Content-Type"), take)


async def _take_form(request: web.Request, reception: _Reception) -> None:
    await let_send(request)
    gateway, pace = reception.gateway, body_rate(reception.gateway.limits)
    try:
        reader = FormReader(request.headers, request.content, most_before=gateway.limits.preamble_bytes)
        for _ in range(MAX_FILES):
            part = await next_field(reader, pace)
            if part is None:
                break
            name, file_name = names_of(part)
            if name == "sender":
                said = (await read_text(part, name, pace)).strip()
                reception.sender = replace(reception.sender, name=said)
            elif name != "file":
                raise bad_field((name or "field")[:100], "Unknown field.")
            elif file_name:
                take = _field_taker(gateway, part, pace)
                await _take_file(reception, file_name, None, part.headers.get("Content-Type"), take)
        else:
            raise bad_field("file", f"Send at most {MAX_FILES} fields in one form.")
    except BODY_ERRORS:
        raise broke_off(0, request.content_length or 0) from None
    except (ValueError, AssertionError) as error:
        raise no_form() from error
    if not reception.taken:
        raise bad_field("file", "Choose a file.")


def _field_taker(gateway: Gateway, part: BodyPartReader, pace: MinRate) -> Take:
    async def take(begun: Upload, most: Most) -> Upload:
        return await take_in_field(part, gateway, begun, most, pace)

    return take


async def _take_file(
    reception: _Reception,
    name: str,
    size: int | None,
    content_type: str | None,
    take: Take,
) -> None:
    """Take in one file, or leave nothing of it."""
    gateway, core, share = reception.gateway, reception.gateway.core, reception.opened.share
    begin_file = gateway.counted("files.upload", _begin)
    begun = await gateway.calls.run(begin_file, core, reception, name, size, content_type)
    try:
        most = await gateway.calls.run(receiving.room_in, core, share, begun)
        begun = await take(begun, most)
        reception.taken.append(await gateway.transfers.run(_complete, reception, begun, name))
    except BaseException:
        await asyncio.shield(gateway.calls.run(abandon, core, begun, share.owner))
        raise


def _begin(core: Core, reception: _Reception, name: str, size: int | None, content_type: str | None) -> Upload:
    share, sender = reception.opened.share, reception.sender
    beginning = receiving.beginning_of(core, share, sender, name=name, size=size, content_type=content_type or None)
    return begin(core, beginning)


def _complete(reception: _Reception, begun: Upload, name: str) -> JSON:
    gateway, share, sender = reception.gateway, reception.opened.share, reception.sender
    core = gateway.core
    if begun.size is None:
        begun = declare_size(core, begun, begun.received)
    receiving.count_received(core, share, sender, begun)
    try:
        place(core, share, sender.name, _file_id_of(begun), name)
        finished = complete_if_all_there(gateway, begun)
        assert finished is not None, "all bytes of a whole file have come"
    except BaseException:
        receiving.give_back(core, share, sender, begun)
        raise
    return receiving.note_received(core, share, sender, finished.record, name)


def _file_id_of(begun: Upload) -> str:
    names = names_in_upload_id(begun.upload_id)
    assert names is not None, "begun here"
    return names[0]
