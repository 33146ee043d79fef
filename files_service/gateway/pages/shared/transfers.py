"""Bytes of a share. A transfer ends soon after the share is closed."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web

from files_service.core import Core
from files_service.domain.filenames import save_as
from files_service.errors import Conflict, Gone
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.shared.visitors import visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.query import flag
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.conditions import evaluate
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part
from files_service.gateway.watching import watching_while
from files_service.services.shares.gate import Opened, Visit, open_share, require_bytes, stays_open
from files_service.services.shares.grants import count_download, refund_grant, use_grant
from files_service.services.shares.items import file_of


async def send(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part: as an attachment, or with ``inline=1`` for display on the page."""
    gateway, key, file_id = gateway_of(request), request.match_info["key"], request.match_info["file_id"]
    core, visit, inline = gateway.core, visit_of(request), flag(request, "inline")
    with gateway.downloads.take(peer_holder(request), f"file {file_id}"):
        opened = await gateway.calls.run(open_share, core, key, visit)
        has_begun = False

        async def before() -> None:
            nonlocal has_begun
            address = client_of(request)["address"] if not inline and _is_start(request, found) else None
            await gateway.calls.run(_count, core, opened, visit, file_id, address)
            has_begun = True

        try:
            find = gateway.counted("files.download", _find)
            found = await gateway.calls.run(find, core, opened, file_id, request.query.get("part"), inline=inline)
            name = save_as(found.record, found.part)
            headers = part_headers(found, "inline" if inline else "attachment", name, "private, no-store")
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            async with watching_while(gateway, lambda: stays_open(core, opened, file_id), Gone("the link has ended")):
                return await send_part(request, gateway, found, headers, before)
        except Exception as error:
            if not has_begun and _is_our_fault(error):
                await asyncio.shield(gateway.calls.run(refund_grant, core, opened.share, visit.grant))
            raise


def _find(core: Core, opened: Opened, file_id: str, part_id: str | None, *, inline: bool) -> Found:
    record = file_of(core, opened.share, file_id)
    shown = inline and preview_of(record.content_type) != ""
    require_bytes(opened, shown=shown)
    return part_of(record, part_id, core)


def _is_start(request: web.Request, found: Found) -> bool:
    return not evaluate(request.method, request.headers, found.representation).start


def _is_our_fault(error: Exception) -> bool:
    """Return True for a failure of the service or its stores: nobody pays for it."""
    if isinstance(error, HTTPError):
        # A file that is nearly ready: clients try again under the grant that they have.
        return error.status >= 500 and "Retry-After" not in error.headers
    return getattr(error, "http_status", 500) >= 500 and not isinstance(error, ConnectionError)


def _count(core: Core, opened: Opened, visit: Visit, file_id: str, address: str | None) -> None:
    """Count the download that an address begins now, None if it goes on with one; a grant has counted it already."""
    if visit.grant and opened.granted:
        use_grant(core, opened.share, visit.grant)
    elif address is not None and not opened.granted:
        # The number is for the owner alone: a crowd that downloads at once must not lose downloads to it.
        with suppress(Conflict):
            count_download(core, opened.share, address=address, file_id=file_id)
