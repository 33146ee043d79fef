"""The bytes of a part as a reply, with conditions and ranges, for every door that sends them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from aiohttp import web

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.domain.uploads import find_part
from files_service.errors import BytesLost, Conflict, FilesError, NotFound, WrongStatus
from files_service.gateway.replies import HTTPError, bad_field
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.conditions import Answer, Representation, evaluate
from files_service.gateway.transfer.disposition import content_disposition, preview_of
from files_service.gateway.transfer.send import Slice, send_files
from files_service.services import content
from files_service.services.files import require_finished
from storage_adapters import BlobNotFound, FileRecord, FileStatus, Part, RecordNotFound, SupportsLocalFiles

# User content never runs in our origin: a page opens in an origin of its own, without scripts and without a network.
ISOLATION = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'none'"
)
UNKNOWN_TYPE = "application/octet-stream"
# All bytes have arrived, and nobody has looked at them yet.
_SOON = (FileStatus.UPLOADED, FileStatus.PROCESSING)


@dataclass(frozen=True, slots=True)
class Found:
    """A part that a request may read."""

    record: FileRecord
    part: Part
    representation: Representation


def part_of(record: FileRecord, part_id: str | None, core: Core) -> Found:
    """Find a part of a finished file, by default the first. Raises NotFound, and WrongStatus before it is finished.

    A file that is processed soon is an HTTPError with 503: clients try again by themselves.
    """
    try:
        require_finished(record)
    except WrongStatus as error:
        if record.status in _SOON:
            raise HTTPError(error, 503, {"Retry-After": "1"}) from None
        raise
    part = find_part(record, part_id) if part_id is not None else record.parts[0]
    if part is None:
        raise NotFound("the file has no such part", {"file_id": record.file_id})
    return found_part(core, record, part)


def found_part(core: Core, record: FileRecord, part: Part) -> Found:
    """Prepare a part for sending. Raises NotFound before its bytes have arrived, BytesLost when they are not there."""
    if part.received_at is None:
        raise NotFound("the bytes have not arrived", {"file_id": record.file_id})
    is_local_blob = manifest_of(part) is None and isinstance(core.blobs, SupportsLocalFiles)
    if is_local_blob and not content.has_bytes(core, part.key, part.size):
        # Before an answer begins.
        raise lost_or_removed(core, record)
    info = None if part.sha256 or part.generation else core.blobs.head(part.key)
    tag = part.sha256 or part.generation or (info.generation if info else "")
    representation = Representation(size=part.size, tag=tag, modified=part.received_at // 1000)
    return Found(record, part, representation)


def lost_or_removed(core: Core, record: FileRecord) -> FilesError:
    """Return the error for bytes that are not there: the file was removed meanwhile, or the store has lost them."""
    try:
        core.metadata.get(record.file_id)
    except RecordNotFound:
        return NotFound("the file was removed", {"file_id": record.file_id})
    return BytesLost("the store has lost bytes of the file", {"file_id": record.file_id})


def part_headers(found: Found, kind: str, name: str, cache_control: str) -> dict[str, str]:
    """Return the headers of a reply with bytes; a type that pages do not preview is an attachment whatever ``kind``."""
    record, part = found.record, found.part
    whole = part is record.parts[0] and part.content_type == UNKNOWN_TYPE
    content_type = record.content_type if whole else part.content_type
    if not preview_of(content_type):
        kind = "attachment"
    return {
        "Content-Type": content_type,
        "ETag": found.representation.etag,
        "Last-Modified": found.representation.last_modified,
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(kind, name),
        "Cache-Control": cache_control,
        "Content-Security-Policy": ISOLATION,
    }


async def send_part(
    request: web.Request, gateway: Gateway, found: Found, headers: dict[str, str]
) -> web.StreamResponse:
    """Reply with a part, a range of it, or the status that its conditions call for."""
    answer = evaluate(request.method, request.headers, found.representation)
    if answer.status == 412:
        raise HTTPError(Conflict("the precondition does not hold", {"fields": {"If-Match": ["Another."]}}), 412)
    if answer.status == 416:
        size = found.representation.size
        raise bad_field("Range", f"There are {size} bytes.", 416, {"Content-Range": f"bytes */{size}"})
    response = web.StreamResponse(status=answer.status, headers=headers)
    if answer.status == 304:
        del response.headers["Content-Type"]
        return response
    response.content_length = answer.length
    if answer.status == 206:
        last = answer.start + answer.length - 1
        response.headers["Content-Range"] = f"bytes {answer.start}-{last}/{found.representation.size}"
    if request.method == "HEAD" or not answer.length:
        return response
    try:
        await gateway.unless_given_up(_send(request, response, gateway, found, answer))
    except ConnectionError:
        # An answer that is cut must end the connection: the reader would wait for the rest.
        if request.transport is not None:
            request.transport.abort()
        raise
    gateway.metrics.downloaded_bytes.inc(answer.length)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, gateway: Gateway, found: Found, answer: Answer
) -> None:
    """Send the bytes: by the kernel if they are in files."""
    core, part = gateway.core, found.part
    files = content.files(core, part, offset=answer.start, length=answer.length)
    if files is None:
        pieces = await gateway.transfers.run(_read, core, found, answer)
        first = await gateway.transfers.run(_next, pieces)
        if not first:
            raise await gateway.calls.run(lost_or_removed, core, found.record)
        await response.prepare(request)
        await _write_all(response, gateway, first, pieces, answer.length)
    else:
        first_file = await gateway.calls.run(_open, core, found.record, files)
        await response.prepare(request)
        await send_files(request, gateway, chain([first_file], map(_opened, files)), answer.length)
    await response.write_eof()


async def _write_all(
    response: web.StreamResponse, gateway: Gateway, first: bytes, pieces: Iterator[bytes], length: int
) -> None:
    """Write pieces until ``length`` bytes are out. Raises ConnectionResetError when bytes are missing."""
    piece, left = first, length
    while piece and left:
        await response.write(piece)
        left -= len(piece)
        try:
            piece = await gateway.transfers.run(_next, pieces)
        except BlobNotFound as error:
            raise ConnectionResetError("bytes of the file are lost") from error
    if left:
        raise ConnectionResetError("the stored bytes are shorter than the file")


def _read(core: Core, found: Found, answer: Answer) -> Iterator[bytes]:
    try:
        return content.read(core, found.part, offset=answer.start, length=answer.length)
    except BlobNotFound:
        raise lost_or_removed(core, found.record) from None


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")


def _open(core: Core, record: FileRecord, files: Iterator[tuple[Path, int, int]]) -> Slice:
    """Open the first file: missing bytes are reported before an answer begins."""
    try:
        return _opened(next(files))
    except (FileNotFoundError, BlobNotFound):
        raise lost_or_removed(core, record) from None


def _opened(piece: tuple[Path, int, int]) -> Slice:
    """Open the file of a range. Raises BlobNotFound when it is shorter than the range."""
    path, start, length = piece
    file = path.open("rb", buffering=0)
    if os.fstat(file.fileno()).st_size < start + length:
        file.close()
        raise BlobNotFound(f"bytes of {path.parent.name} are lost")
    return file, start, length
