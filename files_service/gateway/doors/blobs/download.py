"""``GET`` and ``HEAD /blobs/{key}``: the bytes of one part by a signed URL, or by none for a public file."""

from __future__ import annotations

from aiohttp import web

from files_service.core import Core
from files_service.domain.access import readable_without_signature
from files_service.domain.filenames import save_as
from files_service.errors import Forbidden, Gone, NotFound
from files_service.gateway.auth.signed_urls import grant_of
from files_service.gateway.doors.blobs.address import Address, address_of, load_part
from files_service.gateway.peers import peer_holder
from files_service.gateway.state import gateway_of
from files_service.gateway.transfer.parts import Found, found_part, part_headers, send_part
from files_service.services.accounts.identity import is_closed
from storage_adapters import Grant, RecordNotFound


async def get_blob(request: web.Request) -> web.StreamResponse:
    """Send a part or a range of it."""
    gateway = gateway_of(request)
    address = address_of(request)
    grant = grant_of(request, address.key) if "signature" in request.query else None
    with gateway.downloads.take(peer_holder(request), f"file {address.file_id}"):
        found = await gateway.calls.run(find, gateway.core, address, grant)
        return await send_part(request, gateway, found, _headers(found, grant))


def find(core: Core, address: Address, grant: Grant | None) -> Found:
    """Find the part. A URL that was signed before readers lost the access is void.

    Without a signature, a part that is missing and one that is not public are the same error; former contents are
    never public.
    """
    try:
        record, part = load_part(core, address)
    except (Gone, NotFound, RecordNotFound):
        if grant is not None:
            raise
        raise _unsigned() from None
    if grant is None:
        is_content = part in (*record.parts, *record.derived)
        if not (readable_without_signature(record) and is_content) or is_closed(core, record.owner):
            raise _unsigned()
    if grant is not None and grant.epoch != record.access_epoch:
        message = "the access to the file was restricted after this URL was signed"
        raise Forbidden(f"signature: {message}", {"fields": {"signature": [message]}})
    return found_part(core, record, part)


def _unsigned() -> Forbidden:
    message = "This address needs a signature."
    return Forbidden("signature: this address needs one", {"fields": {"signature": [message]}})


def _headers(found: Found, grant: Grant | None) -> dict[str, str]:
    record, part = found.record, found.part
    kind, name = ("attachment", grant.filename) if grant and grant.filename else ("inline", save_as(record, part))
    # Short, because access can be revoked; a signed reply is for the holder of the URL alone.
    return part_headers(found, kind, name, "private, max-age=60" if grant else "public, max-age=60")
