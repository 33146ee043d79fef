"""Values of the fields of forms: files, taken into uploads piece by piece, and short texts."""

from __future__ import annotations

import asyncio

from aiohttp import BodyPartReader

from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.min_rate import MinRate, size_of
from files_service.gateway.transfer.upload_body import Most, finish_stream
from files_service.services.uploads.writer import Stream
from storage_adapters import Upload

PIECE = 256 * 1024
MAX_FIELD_BYTES = 4 * 1024


async def take_in_field(field: BodyPartReader, gateway: Gateway, begun: Upload, most: Most, pace: MinRate) -> Upload:
    """Receive the file of a field into an upload, of which nothing has arrived yet. Raises HTTPError."""
    received = 0
    limit, error = most
    stream = await gateway.calls.run(Stream, gateway.engine(), begun, 0)
    try:
        while piece := await pace.wait(field.read_chunk(PIECE), size_of):
            received += len(piece)
            if received > limit:
                raise HTTPError(error)
            await asyncio.shield(gateway.transfers.run(stream.write, bytes(piece)))
        return await finish_stream(gateway, stream)
    except BaseException:
        await asyncio.shield(gateway.transfers.run(stream.abort))
        raise


async def read_text(field: BodyPartReader, name: str, pace: MinRate, most: int = MAX_FIELD_BYTES) -> str:
    """Read the text of a field, of at most so many bytes. Raises HTTPError that names the field."""
    value = bytearray()
    while piece := await pace.wait(field.read_chunk(MAX_FIELD_BYTES), size_of):
        value += piece
        if len(value) > most:
            raise bad_field(name[:100], "Too long.")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_field(name[:100], "Not UTF-8.") from None
