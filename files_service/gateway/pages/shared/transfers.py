"""Bytes of a share. A transfer ends soon after the share is closed."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from files_service.core import Core
from files_service.domain.filenames import save_as
from files_service.errors import Conflict, Gone
from files_service.gateway.pages.shared.visitors import visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.query import flag
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.conditions import evaluate
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part
from files_service.gateway.watching import watching_while
from files_service.services.shares.gate import Opened, Visit, open_share, require_bytes, stays_open
from files_service.services.shares.grants import count_download
from files_service.services.shares.items import file_of


async def send(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part: as an attachment, or with ``inline=1`` for display on the page."""
    gateway, key, file_id = gateway_of(request), request.match_info["key"], request.match_info["file_id"]
    inline = flag(request, "inline")
    with gateway.downloads.take(peer_holder(request), f"file {file_id}"):
        find = gateway.counted("files.download", _find)
        opened, found = await gateway.calls.run(
            find, gateway.core, key, visit_of(request), file_id, request.query.get("part"), inline=inline
        )
        name = save_as(found.record, found.part)
        headers = part_headers(found, "inline" if inline else "attachment", name, "private, no-store")
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if _is_uncounted(request, opened, found):
            await gateway.calls.run(_count, gateway.core, opened)
        holds, core = stays_open, gateway.core
        async with watching_while(gateway, lambda: holds(core, opened, file_id), Gone("the link has ended")):
            return await send_part(request, gateway, found, headers)


def _find(
    core: Core, key: str, visit: Visit, file_id: str, part_id: str | None, *, inline: bool
) -> tuple[Opened, Found]:
    opened = open_share(core, key, visit)
    record = file_of(core, opened.share, file_id)
    shown = inline and preview_of(record.content_type) != ""
    require_bytes(opened, shown=shown)
    return opened, part_of(record, part_id, core)


def _is_uncounted(request: web.Request, opened: Opened, found: Found) -> bool:
    """Return True for the beginning of a download without a grant, of a share whose downloads are not limited."""
    if opened.granted or request.method != "GET" or flag(request, "inline"):
        return False
    answer = evaluate(request.method, request.headers, found.representation)
    return answer.status in (200, 206) and not answer.start


def _count(core: Core, opened: Opened) -> None:
    # The number is for the owner alone: a crowd that downloads at once must not lose downloads to it.
    with suppress(Conflict):
        count_download(core, opened.share)
