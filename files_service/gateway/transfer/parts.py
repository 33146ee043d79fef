"""The bytes of a part as a reply, with conditions and ranges, for every door that sends them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from aiohttp import web

from files_service.core import Core
from files_service.domain.chunking import manifest_of
from files_service.domain.derived import find_readable
from files_service.domain.media_types import UNKNOWN_TYPE
from files_service.errors import BytesLost, NotFound, WrongStatus
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import Gateway
from files_service.gateway.transfer.conditional import begin_reply
from files_service.gateway.transfer.conditions import Answer, Representation
from files_service.gateway.transfer.disposition import content_disposition, preview_of
from files_service.gateway.transfer.send import Slice, send_files, send_pieces
from files_service.services import content
from files_service.services.files import require_finished, require_not_trashed
from files_service.services.scrub.marks import require_kept
from storage_adapters import BlobNotFound, FileRecord, FileStatus, Part, SupportsLocalFiles

# User content never runs in our origin: a page opens in an origin of its own, without scripts and without a network.
ISOLATION = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; frame-ancestors 'none'"
)
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
    part = find_readable(record, part_id) if part_id is not None else record.parts[0]
    if part is None:
        raise NotFound("the file has no such part", {"file_id": record.file_id})
    return found_part(core, record, part)


def found_part(core: Core, record: FileRecord, part: Part) -> Found:
    """Prepare a part for sending. Raises NotFound before its bytes arrive, and Gone while the file is in the trash.

    Raises BytesLost for a part that is marked as lost, and for one whose local file is not whole.
    """
    require_not_trashed(record)
    if part.received_at is None:
        raise NotFound("the bytes have not arrived", {"file_id": record.file_id})
    require_kept(record, part)
    if manifest_of(part) is None and isinstance(core.blobs, SupportsLocalFiles):
        # A blob that is missing, cut or replaced is reported before an answer begins.
        with lost_bytes_reported(record, part):
            content.require_whole(core, part)
    info = None if part.sha256 or part.generation else core.blobs.head(part.key)
    tag = part.sha256 or part.generation or (info.generation if info else "")
    # Bytes that a rollback made current again are older than what clients have.
    is_current = part in (*record.parts, *record.derived)
    since = max(part.received_at, record.version_at or 0) if is_current else part.received_at
    representation = Representation(size=part.size, tag=tag, modified=since // 1000)
    return Found(record, part, representation)


def sent_type(record: FileRecord, part: Part) -> str:
    """Return the type that a reply with a part has: the part's own; of a first part of unknown type, the file's."""
    whole = part is record.parts[0] and part.content_type == UNKNOWN_TYPE
    return record.content_type if whole else part.content_type


def part_headers(found: Found, kind: str, name: str, cache_control: str) -> dict[str, str]:
    """Return the headers of a reply with bytes; a type that pages do not preview is an attachment whatever ``kind``."""
    content_type = sent_type(found.record, found.part)
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
    request: web.Request,
    gateway: Gateway,
    found: Found,
    headers: dict[str, str],
    before: Callable[[], Awaitable[None]] | None = None,
) -> web.StreamResponse:
    """Reply with a part, a range of it, or the status that its conditions call for.

    ``before`` runs when the first bytes are at hand, and before the reply begins; what it raises is the reply.
    """
    answer, response = begin_reply(request, found.representation, headers)
    if request.method == "HEAD":
        if answer.length:
            await gateway.calls.run(_require_range, gateway.core, found, answer)
        return response
    if answer.status == 304:
        return response
    if not answer.length:
        await (before or _nothing)()
        return response
    await gateway.unless_given_up(_send(request, response, gateway, found, answer, before or _nothing))
    gateway.metrics.downloaded_bytes.inc(answer.length)
    return response


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    gateway: Gateway,
    found: Found,
    answer: Answer,
    before: Callable[[], Awaitable[None]],
) -> None:
    """Send the bytes: by the kernel if they are in files."""
    core, part = gateway.core, found.part
    files = content.files(core, part, offset=answer.start, length=answer.length)
    if files is None:
        first, pieces = await gateway.transfers.run(_begin, core, found, answer)
        await before()
        await response.prepare(request)
        await send_pieces(request, response, gateway, chain([first], pieces), answer.length)
    else:
        opened: list[Slice] = []
        try:
            await gateway.calls.run(lambda: opened.append(_open(core, found, answer, files)))
            await before()
            await response.prepare(request)
            await send_files(request, response, gateway, chain(opened, map(open_slice, files)), answer.length)
        finally:
            # A client that has gone before the first byte leaves the file with us.
            for file, _, _ in opened:
                file.close()
    await response.write_eof()


async def _nothing() -> None:
    """Do nothing before the reply begins."""


@contextmanager
def lost_bytes_reported(record: FileRecord, part: Part) -> Iterator[None]:
    """Turn missing bytes of a received part into BytesLost."""
    try:
        yield
    except BlobNotFound as error:
        details = {"file_id": record.file_id, "part_id": part.part_id}
        raise BytesLost(f"bytes of part {part.part_id} are lost", details) from error


def _begin(core: Core, found: Found, answer: Answer) -> tuple[bytes, Iterator[bytes]]:
    """Read the first piece: bytes that are lost are reported before an answer begins."""
    with lost_bytes_reported(found.record, found.part):
        pieces = content.read(core, found.part, offset=answer.start, length=answer.length)
        first = next(pieces, b"")
        if not first:
            raise BlobNotFound(f"the bytes of {found.part.key} were cut")
        return first, pieces


def _require_range(core: Core, found: Found, answer: Answer) -> None:
    with lost_bytes_reported(found.record, found.part):
        content.require_range(core, found.part, offset=answer.start, length=answer.length)


def _open(core: Core, found: Found, answer: Answer, files: Iterator[tuple[Path, int, int]]) -> Slice:
    """Open the first file: bytes that are seen to be lost are reported before an answer begins."""
    with lost_bytes_reported(found.record, found.part):
        if manifest_of(found.part) is not None:
            content.require_range(core, found.part, offset=answer.start, length=answer.length)
        return open_slice(next(files))


def open_slice(piece: tuple[Path, int, int]) -> Slice:
    """Open the file of a range. Raises BlobNotFound when it is shorter than the range."""
    path, start, length = piece
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        raise BlobNotFound(f"{path} was just removed") from None
    if os.fstat(file.fileno()).st_size < start + length:
        file.close()
        raise BlobNotFound(f"{path} is shorter than its record")
    return file, start, length
