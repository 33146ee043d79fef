"""Files of a share as one ZIP archive, through the same gate and under the same count as each of them.

The archive has all files of the share, or those that ``files`` of its address names, with commas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qs

from aiohttp import web

from files_service.core import Core
from files_service.domain.editing import is_finished
from files_service.domain.shares import MAX_ITEMS
from files_service.domain.uploads import FILE_ID
from files_service.errors import Forbidden, Gone
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.rendering import redirect
from files_service.gateway.pages.shared.counting import DownloadCount
from files_service.gateway.pages.shared.visitors import GRANT, is_own_form, set_proof, visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.archives import representation_of, send_archive
from files_service.gateway.transfer.body import read_small
from files_service.gateway.transfer.conditions import evaluate
from files_service.gateway.watching import watching_while
from files_service.services.archives.archive import Archive, Item, archive_of, part_of_item
from files_service.services.archives.selection import folders_below, place_below
from files_service.services.shares.gate import (
    Opened,
    Visit,
    open_share,
    require_bytes,
    require_download,
    stays_open,
)
from files_service.services.shares.grants import make_grant
from files_service.services.shares.items import file_of, files_of
from storage_adapters import FileRecord, Part

_FILE_ID = re.compile(FILE_ID)


async def begin(request: web.Request) -> web.StreamResponse:
    """Count a download, give the visitor the cookie of its grant, and go on to the archive."""
    if not is_own_form(request):
        raise HTTPError(Forbidden("the form is not of this site"))
    gateway, key = gateway_of(request), request.match_info["key"]
    fields = parse_qs(
        (await read_small(request, gateway.limits, most=gateway.limits.user_call_bytes)).decode(errors="replace")
    )
    chosen = _ids_of(fields.get("chosen", []))
    if not chosen and "selection" in fields:
        return redirect(request, f"/s/{key}")
    address = client_of(request)["address"]
    secret = await gateway.calls.run(_begin, gateway.core, key, visit_of(request), address, chosen)
    response = redirect(request, f"/s/{key}/zip" + (f"?files={','.join(chosen)}" if chosen else ""))
    if secret is not None:
        set_proof(request, response, GRANT, secret)
    return response


async def send(request: web.Request) -> web.StreamResponse:
    """Send the archive, or a range of it."""
    gateway, key = gateway_of(request), request.match_info["key"]
    core, chosen = gateway.core, _ids_of(filter(None, request.query.get("files", "").split(",")))
    with gateway.downloads.take(peer_holder(request), f"archive of {key}"):
        opened = await gateway.calls.run(open_share, core, key, visit_of(request))
        count = DownloadCount(request, opened)

        async def before() -> None:
            await count.take(is_start=_is_start(request, archive))

        async with count.refunded_on_failure():
            archive = await gateway.calls.run(gateway.counted("files.download", _find), core, opened, chosen)
            reader = _Reader(core, opened, archive)
            async with watching_while(gateway, reader.may_go_on, Gone("the link has ended")):
                return await send_archive(request, gateway, archive, reader, "private, no-store", before)


class _Reader:
    """Access to the files of an archive, one after the other, as long as the share gives them."""

    def __init__(self, core: Core, opened: Opened, archive: Archive) -> None:
        self._core, self._opened = core, opened
        self._file_id = next(item.file_id for item in archive.items if item.file_id)

    def __call__(self, item: Item) -> tuple[FileRecord, Part]:
        self._file_id = item.file_id
        if not self.may_go_on():
            raise Gone("the link has ended")
        record = file_of(self._core, self._opened.share, item.file_id)
        return record, part_of_item(record, item)

    def may_go_on(self) -> bool:
        """Return True while the share gives the file that is being sent."""
        return stays_open(self._core, self._opened, self._file_id)


def _ids_of(given: Iterable[str]) -> Sequence[str]:
    """Return ids of files, each once. Raises HTTPError."""
    found = list(dict.fromkeys(given))
    if len(found) > MAX_ITEMS or not all(map(_FILE_ID.fullmatch, found)):
        raise bad_field("files", f"Must be at most {MAX_ITEMS} ids of files.")
    return found


def _begin(core: Core, key: str, visit: Visit, address: str, chosen: Sequence[str]) -> str | None:
    """Return the secret of a new grant, None for a visitor whose download is counted already."""
    opened = open_share(core, key, visit)
    require_download(opened)
    _archive(core, opened, chosen)
    return None if opened.granted else make_grant(core, opened.share, address=address)


def _find(core: Core, opened: Opened, chosen: Sequence[str]) -> Archive:
    require_bytes(opened, shown=False)
    return _archive(core, opened, chosen)


def _is_start(request: web.Request, archive: Archive) -> bool:
    ranges = archive.layout.is_resumable
    return not evaluate(request.method, request.headers, representation_of(archive), ranges=ranges).start


def _archive(core: Core, opened: Opened, chosen: Sequence[str]) -> Archive:
    """Make the archive of the files that are finished, of all without a choice. Raises Gone when there are none."""
    share = opened.share
    found = [file_of(core, share, file_id) for file_id in chosen] if chosen else files_of(core, share)
    files = [
        # Of the path, visitors learn what lies within the folder that is shared.
        (each, place_below(each, share.path) if share.path is not None else "")
        for each in found
        if is_finished(each)
    ]
    if not files:
        raise Gone("the files of the link are not ready")
    is_whole_folder = share.path is not None and not chosen
    folders = folders_below(core, share.owner, share.path or "") if is_whole_folder else {}
    return archive_of(files, f"{share.title or 'files'}.zip", folders)
