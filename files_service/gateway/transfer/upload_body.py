"""Request bodies of uploads, for every door, and the completion of uploads that have all bytes."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from files_service.errors import FilesError
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.body import BODY_ERRORS, let_send
from files_service.gateway.transfer.min_rate import MinRate, body_rate, size_of
from files_service.gateway.transfer.receive import broke_off
from files_service.gateway.transfer.socket_receive import receive_body
from files_service.gateway.transfer.upload_locks import UploadLock
from files_service.services.parts import FinishedPart
from files_service.services.uploads import conclude
from files_service.services.uploads.finish import complete
from files_service.services.uploads.writer import Stream
from storage_adapters import FileRecord, Upload

# The most bytes of a body of unknown size, and the error for a longer one.
Most = tuple[int, FilesError]


async def take_in(
    request: web.Request,
    gateway: Gateway,
    upload: Upload,
    offset: int,
    *,
    size: int | None,
    lock: UploadLock,
    most: Most,
    check: Any = None,
) -> Stream:
    """Receive the body, of known or unknown size, into the upload from an offset on; the caller finishes the stream.

    Raises HTTPError for a body that is too slow, incomplete or longer than ``most``, and what storing raises. The bytes
    received before that stay, except with ``check``.
    """
    stream = await gateway.calls.run(Stream, gateway.engine(), upload, offset, check=check)

    async def pour() -> None:
        body = _pour(request, gateway, stream, most) if size is None else receive_body(request, gateway, stream, size)
        await gateway.unless_given_up(body)

    try:
        await let_send(request)
        try:
            await lock.run(pour())
        finally:
            # Those of a request that breaks off count, too: they are not sent again.
            gateway.metrics.uploaded_bytes.inc(stream.received)
    except BaseException:
        await asyncio.shield(gateway.transfers.run(stream.abort))
        raise
    return stream


async def read_whole(request: web.Request, gateway: Gateway, size: int, pace: MinRate | None = None) -> bytes:
    """Read a small body of known size into memory. Raises HTTPError when it comes too slowly or breaks off."""
    body, pace = bytearray(), pace or body_rate(gateway.limits)

    async def read() -> None:
        while len(body) < size:
            piece = await pace.wait(request.content.readany(), size_of)
            if not piece:
                raise broke_off(len(body), size)
            body.extend(piece)

    await let_send(request)
    try:
        await gateway.unless_given_up(read())
    except BODY_ERRORS:
        raise broke_off(len(body), size) from None
    return bytes(body)


async def _pour(request: web.Request, gateway: Gateway, stream: Stream, most: Most) -> None:
    received, pace = 0, body_rate(gateway.limits)
    limit, error = most
    try:
        while True:
            piece = await pace.wait(request.content.readany(), size_of)
            if not piece:
                return
            received += len(piece)
            if received > limit:
                raise HTTPError(error)
            await asyncio.shield(gateway.transfers.run(stream.write, piece))
    except BODY_ERRORS:
        raise broke_off(received, received) from None


async def finish_stream(gateway: Gateway, stream: Stream) -> Upload:
    """Return the upload once all received bytes are on stable storage."""
    return await gateway.transfers.run(stream.finish)


def complete_if_all_there(
    gateway: Gateway, upload: Upload, sha256: str | None = None, *, record: FileRecord | None = None
) -> FinishedPart | None:
    """Finish an upload that has all bytes, and the uploads that are joined from it; runs in a thread."""
    counted = gateway.counted("files.finish", complete)
    return conclude.complete_if_all_there(gateway.engine(), upload, sha256, record=record, complete=counted)
