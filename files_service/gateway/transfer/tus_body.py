"""Bodies of tus requests, at every address that takes some."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from files_service.gateway.state import Gateway
from files_service.gateway.transfer.body import require_plain
from files_service.gateway.transfer.tus_headers import Checksum, checksum_of
from files_service.gateway.transfer.upload_body import Most, finish_stream, take_in
from files_service.gateway.transfer.upload_locks import UploadLock
from files_service.services.uploads.writer import Stream
from storage_adapters import Upload


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request: its size, None when it is unknown, and its declared checksum."""

    size: int | None
    check: Checksum | None


def body_of(request: web.Request) -> Body | None:
    """Return the declared body of a request. Raises HTTPError before anything is begun for an invalid one."""
    require_plain(request)
    size = request.content_length if "Transfer-Encoding" not in request.headers else None
    check = checksum_of(request.headers)
    return Body(size, check) if request.can_read_body and size != 0 else None


async def append(
    request: web.Request, gateway: Gateway, upload: Upload, offset: int, body: Body, *, lock: UploadLock, most: Most
) -> Upload:
    """Store the body from the offset on and return the upload. Raises as ``take_in``, and HTTPError with 460."""
    check = body.check
    stream = await take_in(
        request, gateway, upload, offset, size=body.size, lock=lock, check=check and check.hash, most=most
    )
    return await _conclude(gateway, stream, check)


async def _conclude(gateway: Gateway, stream: Stream, check: Checksum | None) -> Upload:
    if check is None:
        return await finish_stream(gateway, stream)

    def compare() -> Upload:
        try:
            stream.flush()
            check.compare()
            return stream.finish()
        finally:
            stream.abort()

    return await gateway.transfers.run(compare)
