"""The count of a download: taken before its first byte goes out, given back if none does by our fault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from files_service.core import Core
from files_service.errors import Conflict
from files_service.gateway.auth.sign_ins import client_of
from files_service.gateway.pages.shared.visitors import visit_of
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import gateway_of
from files_service.services.shares.gate import Opened, Visit
from files_service.services.shares.grants import count_download, refund_grant, use_grant


class DownloadCount:
    """The count of one request for a file of a share, or for all of them."""

    def __init__(self, request: web.Request, opened: Opened, file_id: str = "") -> None:
        self._gateway, self._opened, self._file_id = gateway_of(request), opened, file_id
        self._visit, self._address = visit_of(request), client_of(request)["address"]
        self._is_taken = False

    async def take(self, *, is_start: bool) -> None:
        """Count the download, unless a grant has counted it, or the request goes on with it. Raises Gone."""
        address = self._address if is_start else None
        await self._gateway.calls.run(_count, self._gateway.core, self._opened, self._visit, self._file_id, address)
        self._is_taken = True

    @asynccontextmanager
    async def refunded_on_failure(self) -> AsyncIterator[None]:
        """Give the download of a grant back when the block fails by our fault and before a byte went out."""
        try:
            yield
        except Exception as error:
            if not self._is_taken and _is_our_fault(error):
                refund = self._gateway.calls.run(
                    refund_grant, self._gateway.core, self._opened.share, self._visit.grant
                )
                await asyncio.shield(refund)
            raise


def _is_our_fault(error: Exception) -> bool:
    """Return True for a failure of the service or its stores: nobody pays for it."""
    if isinstance(error, HTTPError):
        # A file that is nearly ready: clients try again under the grant that they have.
        return error.status >= 500 and "Retry-After" not in error.headers
    return getattr(error, "http_status", 500) >= 500 and not isinstance(error, ConnectionError)


def _count(core: Core, opened: Opened, visit: Visit, file_id: str, address: str | None) -> None:
    """Count the download that an address begins now, None if it goes on with one; a grant has counted it already."""
    if opened.is_owner:
        return
    if visit.grant and opened.granted:
        use_grant(core, opened.share, visit.grant)
    elif address is not None and not opened.granted:
        # The number is for the owner alone: a crowd that downloads at once must not lose downloads to it.
        with suppress(Conflict):
            count_download(core, opened.share, address=address, file_id=file_id)
