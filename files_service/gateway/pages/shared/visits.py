"""Visits of a share: its page, its password, and the count of a download."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode

from aiohttp import web

from files_service.core import Core
from files_service.domain.shares import ShareEvent
from files_service.domain.uploads import FILE_ID
from files_service.errors import Forbidden
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.rendering import redirect
from files_service.gateway.pages.shared.places import FolderAddress, place_of
from files_service.gateway.pages.shared.replies import share_reply, wants_json
from files_service.gateway.pages.shared.seen import Seen
from files_service.gateway.pages.shared.visitors import GRANT, SENDER, UNLOCKED, is_own_form, set_proof, visit_of
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.body import read_small
from files_service.gateway.transfer.parts import part_of
from files_service.services.accounts.documents import new_secret
from files_service.services.shares.activity import record_event
from files_service.services.shares.folder import page_of, total_below
from files_service.services.shares.gate import Visit, find_open, open_share, require_download
from files_service.services.shares.grants import make_grant
from files_service.services.shares.items import file_of, files_of
from files_service.services.shares.receiving import received_in_visit
from files_service.services.shares.unlocking import unlock

_FILE_ID = re.compile(FILE_ID)


async def show(request: web.Request) -> web.StreamResponse:
    """Show the page of a share, or reply with it as JSON."""
    gateway = gateway_of(request)
    key, visit = request.match_info["key"], visit_of(request)
    address = client_of(request)["address"] if request.method == "GET" else None
    is_page = request.method == "GET" and not wants_json(request)
    seen = await gateway.calls.run(_open, gateway.core, key, visit, address, place_of(request), with_total=is_page)
    response = share_reply(request, seen)
    if seen.opened.share.kind.takes_files and not visit.sender and is_page:
        # Uploads that begin at once must be of one visit.
        set_proof(request, response, SENDER, new_secret())
    return response


async def enter_password(request: web.Request) -> web.StreamResponse:
    """Compare the password of a form, set the cookie, and go on to where the visitor wanted to go."""
    gateway, form, key = gateway_of(request), await _form_of(request), request.match_info["key"]
    address = client_of(request)["address"]
    token = await gateway.sign_ins.run(_unlock, gateway.core, key, form.get("password", ""), address)
    wanted = form.get("file_id", "")
    response = redirect(request, f"/s/{key}/files/{wanted}" if _FILE_ID.fullmatch(wanted) else f"/s/{key}")
    if token:
        set_proof(request, response, UNLOCKED, token)
    return response


async def begin_download(request: web.Request) -> web.StreamResponse:
    """Count a download, give the visitor the cookie of its grant, and go on to the bytes."""
    gateway, form, key = gateway_of(request), await _form_of(request), request.match_info["key"]
    wanted = form.get("file_id", "")
    if not _FILE_ID.fullmatch(wanted):
        raise bad_field("file_id", "Send the id of a file of the link.")
    visit, address = visit_of(request), client_of(request)["address"]
    secret = await gateway.calls.run(_begin, gateway.core, key, visit, wanted, form.get("part"), address)
    part = f"?{urlencode({'part': form['part']})}" if "part" in form else ""
    response = redirect(request, f"/s/{key}/files/{wanted}{part}")
    if secret is not None:
        set_proof(request, response, GRANT, secret)
    return response


async def _form_of(request: web.Request) -> dict[str, str]:
    if not is_own_form(request):
        raise HTTPError(Forbidden("the form is not of this site"))
    limits = gateway_of(request).limits
    body = await read_small(request, limits, most=limits.user_call_bytes)
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def _open(core: Core, key: str, visit: Visit, address: str | None, place: FolderAddress, *, with_total: bool) -> Seen:
    """Let a visitor see a share; the address of one who opens the page is an event for the owner."""
    opened = open_share(core, key, visit)
    share = opened.share
    if address is not None and visit.viewer != share.owner:
        record_event(core, share, ShareEvent.OPENED, address)
    uploads = received_in_visit(core, share, visit.sender) if share.kind.takes_files else []
    if not share.kind.shows_files:
        return Seen(opened, uploads=uploads)
    if share.path is None:
        return Seen(opened, files_of(core, share), uploads)
    page = page_of(core, share, place.below, place.after)
    is_start = not place.below and place.after is None
    return Seen(opened, page.files, uploads, page, total_below(core, share) if is_start and with_total else None)


def _unlock(core: Core, key: str, password: str, address: str) -> str:
    """Return the token of the visitor, "" for a share without a password."""
    share = find_open(core, key)
    return unlock(core, share, password, address) if share.password is not None else ""


def _begin(core: Core, key: str, visit: Visit, file_id: str, part_id: str | None, address: str) -> str | None:
    """Return the secret of a new grant, None for a visitor whose download is counted already, or needs no count."""
    opened = open_share(core, key, visit)
    record = file_of(core, opened.share, file_id)
    require_download(opened)
    # What cannot be sent costs nothing.
    part_of(record, part_id, core)
    return None if opened.granted else make_grant(core, opened.share, address=address, file_id=file_id)
