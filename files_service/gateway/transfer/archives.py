"""The bytes of an archive as a reply: those of its files go the way that they go in a download."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from itertools import chain, islice

from aiohttp import web
from isal.isal_zlib import crc32

from files_service.core import Core
from files_service.domain.zip_layout import Content
from files_service.errors import FilesError, storage_errors_as_files_errors
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.conditional import begin_reply
from files_service.gateway.transfer.conditions import Answer, Representation
from files_service.gateway.transfer.disposition import content_disposition
from files_service.gateway.transfer.parts import found_part, lost_bytes_reported, open_slice
from files_service.gateway.transfer.send import Piece, send_files
from files_service.services import content
from files_service.services.archives.archive import Archive, Item
from storage_adapters import BlobNotFound, FileRecord, Part, StorageError

# Load the file of an item and its part when its bytes are about to be sent. Raises FilesError for one that may not be
# read now.
Find = Callable[[Item], tuple[FileRecord, Part]]
Before = Callable[[], Awaitable[None]]


def representation_of(archive: Archive) -> Representation:
    """Return the size, tag and time of an archive."""
    return Representation(size=archive.layout.size, tag=archive.tag, modified=archive.modified_at // 1000)


async def send_archive(
    request: web.Request,
    gateway: Gateway,
    archive: Archive,
    find: Find,
    cache_control: str,
    before: Before | None = None,
) -> web.StreamResponse:
    """Reply with an archive, a range of it, or the status that its conditions call for.

    ``before`` runs when the first bytes are at hand, and before the reply begins; what it raises is the reply. A file
    that was taken away breaks the connection when its bytes come: nothing else tells that the rest is missing.
    """
    found, ranges = representation_of(archive), archive.layout.is_resumable
    headers = {
        "Content-Type": "application/zip",
        "ETag": found.etag,
        "Last-Modified": found.last_modified,
        "Accept-Ranges": "bytes" if ranges else "none",
        "Content-Disposition": content_disposition("attachment", archive.name),
        "Cache-Control": cache_control,
    }
    answer, response = begin_reply(request, found, headers, ranges=ranges)
    if answer.length and request.method != "HEAD":
        pieces = _pieces(gateway.core, archive, answer, find)
        await gateway.unless_given_up(_send(request, response, gateway, pieces, before))
        gateway.metrics.downloaded_bytes.inc(answer.length)
    return response


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    gateway: Gateway,
    pieces: Iterator[Piece],
    before: Before | None,
) -> None:
    first = await gateway.calls.run(_first, pieces)
    try:
        if before is not None:
            await before()
    except BaseException:
        for piece in first:
            if not isinstance(piece, bytes):
                piece[0].close()
        raise
    await response.prepare(request)
    await send_files(request, response, gateway, chain(first, _broken_on_error(pieces)), response.content_length or 0)
    await response.write_eof()


def _first(pieces: Iterator[Piece]) -> list[Piece]:
    """Return a header and the first piece of a file: what is seen to be missing is reported before an answer begins."""
    with storage_errors_as_files_errors():
        return list(islice(pieces, 2))


def _broken_on_error(pieces: Iterator[Piece]) -> Iterator[Piece]:
    try:
        yield from pieces
    except (FilesError, StorageError) as error:
        raise ConnectionResetError(f"the archive cannot be completed: {error}") from error


def _pieces(core: Core, archive: Archive, answer: Answer, find: Find) -> Iterator[Piece]:
    found: dict[int, int] = {}
    for piece in archive.layout.pieces(answer.start, answer.start + answer.length, found):
        if isinstance(piece, bytes):
            yield piece
            continue
        item = archive.items[piece.index]
        record, part = find(item)
        part = found_part(core, record, part).part
        with lost_bytes_reported(record, part):
            if archive.layout.entries[piece.index].has_descriptor:
                yield from _summed(core, part, piece, found)
            elif (files := content.files(core, part, offset=piece.offset, length=piece.length)) is not None:
                yield from map(open_slice, files)
            else:
                yield from _read(core, part, piece)


def _summed(core: Core, part: Part, piece: Content, found: dict[int, int]) -> Iterator[bytes]:
    checksum = 0
    for data in _read(core, part, piece):
        checksum = crc32(data, checksum)
        yield data
    found[piece.index] = checksum


def _read(core: Core, part: Part, piece: Content) -> Iterator[bytes]:
    """Read a range of a part, not a byte more or less. Raises BlobNotFound for bytes that were cut."""
    rest = piece.length
    for data in content.read(core, part, offset=piece.offset, length=piece.length):
        rest -= len(data)
        yield data
    if rest:
        raise BlobNotFound(f"the bytes of {part.key} were cut")
