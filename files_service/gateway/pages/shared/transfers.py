"""Bytes of a share. A transfer ends soon after the share is closed."""

from __future__ import annotations

from aiohttp import web

from files_service.core import Core
from files_service.domain.derived import find_readable
from files_service.domain.filenames import save_as
from files_service.domain.shares import DERIVATIVES
from files_service.errors import Gone
from files_service.gateway.pages.shared.counting import DownloadCount
from files_service.gateway.pages.shared.visitors import visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.query import flag
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.conditions import evaluate
from files_service.gateway.transfer.disposition import preview_of
from files_service.gateway.transfer.parts import Found, part_headers, part_of, send_part, sent_type
from files_service.gateway.watching import watching_while
from files_service.services.shares.gate import Opened, open_share, require_bytes, stays_open
from files_service.services.shares.items import file_of
from storage_adapters import FileRecord, Part


async def send(request: web.Request) -> web.StreamResponse:
    """Send the bytes of a part: as an attachment, or with ``inline=1`` for display on the page."""
    gateway, key, file_id = gateway_of(request), request.match_info["key"], request.match_info["file_id"]
    core, inline = gateway.core, flag(request, "inline")
    with gateway.downloads.take(peer_holder(request), f"file {file_id}"):
        opened = await gateway.calls.run(open_share, core, key, visit_of(request))
        count = DownloadCount(request, opened, file_id)

        async def before() -> None:
            await count.take(is_start=not shown and _is_start(request, found))

        async with count.refunded_on_failure():
            find = gateway.counted("files.download", _find)
            part_id = request.query.get("part")
            found, shown = await gateway.calls.run(find, core, opened, file_id, part_id, inline=inline)
            name = save_as(found.record, found.part)
            headers = part_headers(found, "inline" if inline else "attachment", name, "private, no-store")
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            async with watching_while(gateway, lambda: stays_open(core, opened, file_id), Gone("the link has ended")):
                return await send_part(request, gateway, found, headers, before)


def _find(core: Core, opened: Opened, file_id: str, part_id: str | None, *, inline: bool) -> tuple[Found, bool]:
    """Find a part that the visitor may read; True with it when its bytes are for display on the page."""
    record = file_of(core, opened.share, file_id)
    part = find_readable(record, part_id) if part_id is not None else record.parts[0]
    derived = part_id is not None and part is not None and part.type in DERIVATIVES
    shown = inline and part is not None and _is_shown(record, part, derived=derived)
    require_bytes(opened, shown=shown, derived=derived)
    return part_of(record, part_id, core), shown


def _is_shown(record: FileRecord, part: Part, *, derived: bool) -> bool:
    """Return True when the page shows a file of this type, and the part is not sent as an attachment."""
    return preview_of(sent_type(record, part)) != "" and (derived or preview_of(record.content_type) != "")


def _is_start(request: web.Request, found: Found) -> bool:
    return not evaluate(request.method, request.headers, found.representation).start
