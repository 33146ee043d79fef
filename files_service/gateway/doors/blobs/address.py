"""What both directions of ``/blobs/{key}`` ask first: whose part it is, and whether this request may touch it."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from files_service.core import Core
from files_service.domain.uploads import names_in_key, part_with_key
from files_service.errors import Forbidden, Gone, NotFound, NotSupported, storage_errors_as_files_errors
from files_service.gateway.replies import bad_field
from storage_adapters import (
    FileRecord,
    Grant,
    InvalidSignature,
    Part,
    RecordDeleted,
    VerifiesSignedUrls,
)

PATH = "/blobs/"
# Whoever holds such a URL may use it from any web page: it is a capability, no cookie stands behind it.
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Last-Modified, Retry-After, "
        "X-Request-Id"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A key and the file and part that it names."""

    key: str
    file_id: str
    part_id: str


def address_of(request: web.Request) -> Address:
    """Read the key from the path, which must be spelled exactly as it was handed out. Raises NotFound."""
    key = request.rel_url.raw_path.removeprefix(PATH)
    names = names_in_key(key)
    if names is None or key != request.match_info["key"]:
        raise NotFound("there is nothing at this address", {"fields": {"key": ["Not a key."]}})
    return Address(key, *names)


def granted(request: web.Request, address: Address, core: Core) -> Grant:
    """Check the signature. Raises Forbidden when this request is not the one that was signed."""
    if not isinstance(core.blobs, VerifiesSignedUrls):
        raise NotSupported("the blob store serves its URLs itself")
    try:
        return core.blobs.verify(request.method, address.key, request.query, now=core.clock())
    except InvalidSignature as error:
        raise Forbidden(f"signature: {error}", {"fields": {"signature": [str(error)]}}) from error


def load_part(core: Core, address: Address) -> tuple[FileRecord, Part]:
    """Load the record and part that a key belongs to. Raises Gone when the file was removed, else NotFound."""
    with storage_errors_as_files_errors():
        try:
            record = core.metadata.get(address.file_id)
        except RecordDeleted as error:
            raise Gone("the file was removed", {"file_id": address.file_id}) from error
    part = part_with_key(record, address.key, core.blobs.bucket)
    if part is None:
        raise NotFound("there is nothing at this address", {"fields": {"key": ["No file has this part."]}})
    return record, part


async def preflight(request: web.Request) -> web.StreamResponse:
    """Tell a browser what a page of another origin may do here."""
    if len(request.headers.get("Access-Control-Request-Headers", "")) > 1_000:
        raise bad_field("Access-Control-Request-Headers", "Too long.")
    return web.Response(
        status=204,
        headers={
            "Access-Control-Allow-Methods": "GET, HEAD, PUT",
            "Access-Control-Allow-Headers": (
                "Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, "
                "X-Request-Id"
            ),
            "Access-Control-Max-Age": "86400",
            "Allow": "GET, HEAD, OPTIONS, PUT",
        },
    )
