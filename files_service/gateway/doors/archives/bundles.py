"""``/api/archives``: archives of files that the caller may read."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from files_service.core import Core
from files_service.domain.access import may_change
from files_service.gateway.auth.callers import caller_of, holders_of
from files_service.gateway.calls import body_of, call
from files_service.gateway.replies import json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.archives import send_archive
from files_service.services.archives.archive import Archive, Item, part_of_item
from files_service.services.archives.manifests import find_archive
from files_service.services.archives.selection import readable_file
from storage_adapters import FileRecord, Part


async def create(request: web.Request) -> web.StreamResponse:
    """Make the manifest of an archive."""
    caller = caller_of(request)
    # The ids of as many files as an archive may have are longer than other calls.
    body = await body_of(request, many=True)
    if "folder" in body and caller.actor is not None:
        body = {"owner": caller.actor, **body}
    made = await call(request, "files.archive", {**body, "actor": caller.actor})
    return json_reply(made, 201, {"Location": made["url"]})


async def download(request: web.Request) -> web.StreamResponse:
    """Send the archive, or a range of it. Each file is looked at again when its bytes are sent."""
    gateway, actor, archive_id = gateway_of(request), caller_of(request).actor, request.match_info["archive_id"]
    with gateway.downloads.take(*holders_of(request, actor), f"archive {archive_id}"):
        find = gateway.counted("files.download", _find)
        archive = await gateway.calls.run(find, gateway.core, actor, archive_id)
        reader = partial(_reader, gateway.core, actor)
        return await send_archive(request, gateway, archive, reader, "private, no-cache")


def _find(core: Core, actor: str | None, archive_id: str) -> Archive:
    archive = find_archive(core, actor, archive_id)
    # Laid out here, in a thread.
    assert archive.layout.size
    return archive


def _reader(core: Core, actor: str | None, item: Item) -> tuple[FileRecord, Part]:
    record = readable_file(core, actor, item.file_id)
    return record, part_of_item(record, item, with_versions=may_change(record, actor))
