"""``GET`` and ``HEAD /blobs/{key}``: the bytes of one part, by a signed URL, or by none when the file is public."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from aiohttp import web

from files_service.core import Core
from files_service.domain.access import readable_without_signature
from files_service.domain.chunking import manifest_of
from files_service.domain.filenames import save_as
from files_service.errors import Conflict, Forbidden, Gone, NotFound, storage_errors_as_files_errors
from files_service.gateway.doors.blobs.address import Address, address_of, granted, load_part
from files_service.gateway.replies import Refused, bad_field
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.conditions import Answer, Representation, evaluate
from files_service.gateway.transfer.disposition import content_disposition
from files_service.gateway.transfer.send import Slice, send_files
from files_service.services import content
from storage_adapters import FileRecord, Grant, Part, SupportsLocalFiles

# User content never runs in our origin: a page opens in an origin of its own, without scripts and without a network.
ISOLATION = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'"
UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Found:
    """What a request may read."""

    record: FileRecord
    part: Part
    representation: Representation


async def get_blob(request: web.Request) -> web.StreamResponse:
    """Send a part, or what was asked of it."""
    gateway = gateway_of(request)
    address = address_of(request)
    grant = granted(request, address, gateway.core) if "signature" in request.query else None
    with gateway.downloads.take():
        found = await gateway.calls.run(find, gateway.core, address, signed=grant is not None)
        return await send_part(request, gateway, found, _headers(found, grant))


async def send_part(
    request: web.Request, gateway: Gateway, found: Found, headers: dict[str, str]
) -> web.StreamResponse:
    """Answer with a part, a range of it, or what its conditions call for."""
    answer = evaluate(request.method, request.headers, found.representation)
    if answer.status == 412:
        raise Refused(Conflict("the precondition does not hold", {"fields": {"If-Match": ["Another."]}}), 412)
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
    await gateway.unless_given_up(_send(request, response, gateway, found, answer))
    gateway.metrics.downloaded_bytes.inc(answer.length)
    return response


def find(core: Core, address: Address, *, signed: bool) -> Found:
    """Look the part up; without a signature only what is public is there, and nothing else is told apart."""
    try:
        record, part = load_part(core, address)
    except (Gone, NotFound):
        if signed:
            raise
        raise _unsigned() from None
    if not signed and not readable_without_signature(record):
        raise _unsigned()
    return found_part(core, record, part)


def found_part(core: Core, record: FileRecord, part: Part) -> Found:
    """Make a part ready to be sent. Raises NotFound when its bytes are not there."""
    if part.received_at is None:
        raise NotFound("the bytes have not arrived", {"file_id": record.file_id})
    with storage_errors_as_files_errors():
        if manifest_of(part) is None and isinstance(core.blobs, SupportsLocalFiles):
            # A blob that is gone is known before an answer begins.
            core.blobs.local_path(part.key)
        info = None if part.sha256 or part.generation else core.blobs.head(part.key)
    tag = part.sha256 or part.generation or (info.generation if info else "")
    representation = Representation(size=part.size, tag=tag, modified=part.received_at // 1000)
    return Found(record, part, representation)


def _unsigned() -> Forbidden:
    message = "This address needs a signature."
    return Forbidden("signature: this address needs one", {"fields": {"signature": [message]}})


def _headers(found: Found, grant: Grant | None) -> dict[str, str]:
    record, part = found.record, found.part
    kind, name = ("attachment", grant.filename) if grant and grant.filename else ("inline", save_as(record, part))
    # Short, because access can be taken back; what is signed is for its bearer alone.
    return part_headers(found, kind, name, "private, max-age=60" if grant else "public, max-age=60")


def part_headers(found: Found, kind: str, name: str, cache_control: str) -> dict[str, str]:
    """The headers of an answer with bytes."""
    record, part = found.record, found.part
    whole = part is record.parts[0] and part.content_type == UNKNOWN_TYPE
    return {
        "Content-Type": record.content_type if whole else part.content_type,
        "ETag": found.representation.etag,
        "Last-Modified": found.representation.last_modified,
        "Accept-Ranges": "bytes",
        "Content-Disposition": content_disposition(kind, name),
        "Cache-Control": cache_control,
        "Content-Security-Policy": ISOLATION,
    }


async def _send(
    request: web.Request, response: web.StreamResponse, gateway: Gateway, found: Found, answer: Answer
) -> None:
    """Send the bytes: by the kernel when they are in a file."""
    core, part = gateway.core, found.part
    files = content.files(core, part, offset=answer.start, length=answer.length)
    if files is None:
        with storage_errors_as_files_errors():
            pieces = await gateway.transfers.run(content.read, core, part, offset=answer.start, length=answer.length)
            first = await gateway.transfers.run(_next, pieces)
        await response.prepare(request)
        await response.write(first)
        while piece := await gateway.transfers.run(_next, pieces):
            await response.write(piece)
    else:
        with storage_errors_as_files_errors():
            first_file = await gateway.calls.run(_open, files)
        await response.prepare(request)
        await send_files(request, gateway, chain([first_file], map(_opened, files)), answer.length)
    await response.write_eof()


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")


def _open(files: Iterator[tuple[Path, int, int]]) -> Slice:
    """Open the first file: what is not there is known before an answer begins."""
    try:
        return _opened(next(files))
    except FileNotFoundError:
        raise NotFound("the bytes were just removed") from None


def _opened(piece: tuple[Path, int, int]) -> Slice:
    path, start, length = piece
    return path.open("rb", buffering=0), start, length
