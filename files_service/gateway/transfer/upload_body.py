"""Brings the bytes of a request into an upload, whichever door it came to, and ends an upload that has all of them."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from files_service.errors import FilesError, storage_errors_as_files_errors
from files_service.gateway.replies import Refused
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.body import BODY_ERRORS, let_send
from files_service.gateway.transfer.min_rate import size_of
from files_service.gateway.transfer.receive import Sink, broke_off
from files_service.gateway.transfer.socket_receive import receive_body
from files_service.gateway.transfer.upload_locks import Right
from files_service.services.parts import FinishedPart
from files_service.services.uploads.concatenate import join, waiting_for
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import is_partial
from files_service.services.uploads.writer import Engine, Stream
from storage_adapters import BlobInfo, Upload

# So many bytes a body of unknown size may have, and what is raised of a longer one.
Most = tuple[int, FilesError]


class Pouring(Sink):
    """The stream of an upload as a sink."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """See ``Sink``."""
        with storage_errors_as_files_errors():
            self._stream.write(data)

    def room(self, most: int) -> memoryview:
        """Where the next bytes go, so that they need not be copied."""
        with storage_errors_as_files_errors():
            return self._stream.room(most)

    def advance(self, count: int) -> None:
        """So many bytes were put there."""
        with storage_errors_as_files_errors():
            self._stream.advance(count)

    def complete(self) -> BlobInfo:
        """Not asked for: an upload is more than this request."""
        raise NotImplementedError

    def abort(self) -> None:
        """See ``Sink``."""
        self._stream.abort()


async def take_in(
    request: web.Request,
    gateway: Gateway,
    upload: Upload,
    offset: int,
    *,
    size: int | None,
    right: Right,
    most: Most,
    check: Any = None,
) -> Stream:
    """Bring the body, which may be of unknown size, into the upload from an offset on; the caller finishes the stream.

    Raises Refused when it comes too slowly, breaks off or is longer than ``most``, with the error that comes with that,
    and what storing raises. What came before that stays, except with ``check``.
    """
    engine = gateway.engine()
    stream = await gateway.calls.run(_open, engine, upload, offset, check)

    async def pour() -> None:
        await gateway.unless_given_up(_pour(request, gateway, Pouring(stream), size, most))

    try:
        await let_send(request)
        await right.run(pour())
    except BaseException:
        await asyncio.shield(gateway.transfers.run(stream.abort))
        raise
    return stream


def _open(engine: Engine, upload: Upload, offset: int, check: Any) -> Stream:
    with storage_errors_as_files_errors():
        return Stream(engine, upload, offset, check=check)


async def _pour(request: web.Request, gateway: Gateway, sink: Pouring, size: int | None, most: Most) -> None:
    if size is None:
        await _pour_unknown(request, gateway, sink, most)
    else:
        await receive_body(request, gateway, sink, size)


async def _pour_unknown(request: web.Request, gateway: Gateway, sink: Pouring, most: Most) -> None:
    received, pace = 0, gateway.limits.pace()
    limit, error = most
    try:
        while True:
            piece = await pace.wait(request.content.readany(), size_of)
            if not piece:
                return
            received += len(piece)
            if received > limit:
                raise Refused(error)
            await asyncio.shield(gateway.transfers.run(sink.write, piece))
    except BODY_ERRORS:
        raise broke_off(received, received) from None


async def finish_stream(gateway: Gateway, stream: Stream) -> Upload:
    """Return the upload once all that came is on stable storage."""
    return await gateway.transfers.run(_finish, stream)


def _finish(stream: Stream) -> Upload:
    with storage_errors_as_files_errors():
        return stream.finish()


def complete_if_all_there(gateway: Gateway, upload: Upload, sha256: str | None = None) -> FinishedPart | None:
    """Finish an upload whose last bytes have come, and those that are joined from it; runs in a thread."""
    core, engine = gateway.core, gateway.engine()
    upload = join(core, upload)
    if not upload.complete:
        return None
    if is_partial(upload):
        for joined in waiting_for(core, upload):
            complete_if_all_there(gateway, joined)
        return None
    result = complete(core, upload, engine.hash_of(upload), sha256=sha256)
    engine.forget_hash(upload)
    return result
