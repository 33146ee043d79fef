"""All files of a share as one ZIP archive, through the same gate and under the same count as each of them."""

from __future__ import annotations

from aiohttp import web

from files_service.core import Core
from files_service.domain.editing import is_finished
from files_service.errors import Forbidden, Gone
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.rendering import redirect
from files_service.gateway.pages.shared.counting import DownloadCount
from files_service.gateway.pages.shared.visitors import GRANT, is_own_form, set_proof, visit_of
from files_service.gateway.peers import peer_holder
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.archives import representation_of, send_archive
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


async def begin(request: web.Request) -> web.StreamResponse:
    """Count a download, give the visitor the cookie of its grant, and go on to the archive."""
    if not is_own_form(request):
        raise HTTPError(Forbidden("the form is not of this site"))
    gateway, key = gateway_of(request), request.match_info["key"]
    address = client_of(request)["address"]
    secret = await gateway.calls.run(_begin, gateway.core, key, visit_of(request), address)
    response = redirect(request, f"/s/{key}/zip")
    if secret is not None:
        set_proof(request, response, GRANT, secret)
    return response


async def send(request: web.Request) -> web.StreamResponse:
    """Send the archive, or a range of it."""
    gateway, key = gateway_of(request), request.match_info["key"]
    core = gateway.core
    with gateway.downloads.take(peer_holder(request), f"archive of {key}"):
        opened = await gateway.calls.run(open_share, core, key, visit_of(request))
        count = DownloadCount(request, opened)

        async def before() -> None:
            await count.take(is_start=_is_start(request, archive))

        async with count.refunded_on_failure():
            archive = await gateway.calls.run(gateway.counted("files.download", _find), core, opened)
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


def _begin(core: Core, key: str, visit: Visit, address: str) -> str | None:
    """Return the secret of a new grant, None for a visitor whose download is counted already."""
    opened = open_share(core, key, visit)
    require_download(opened)
    _archive(core, opened)
    return None if opened.granted else make_grant(core, opened.share, address=address)


def _find(core: Core, opened: Opened) -> Archive:
    require_bytes(opened, shown=False)
    return _archive(core, opened)


def _is_start(request: web.Request, archive: Archive) -> bool:
    ranges = archive.layout.is_resumable
    return not evaluate(request.method, request.headers, representation_of(archive), ranges=ranges).start


def _archive(core: Core, opened: Opened) -> Archive:
    """Make the archive of the files that are finished. Raises Gone when there are none."""
    share = opened.share
    files = [
        # Of the path, visitors learn what lies within the folder that is shared.
        (each, place_below(each, share.path) if share.path is not None else "")
        for each in files_of(core, share)
        if is_finished(each)
    ]
    if not files:
        raise Gone("the files of the link are not ready")
    folders = folders_below(core, share.owner, share.path) if share.path is not None else {}
    return archive_of(files, f"{share.title or 'files'}.zip", folders)
