"""``PUT /blobs/{key}``: the bytes of one part by a signed URL, answered once they are on stable storage."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from files_service.api.finish import finish_result
from files_service.core import Core
from files_service.errors import Busy, Forbidden, Gone, NotFound, PartMismatch
from files_service.gateway.auth.signed_urls import grant_of
from files_service.gateway.doors.blobs.address import Address, address_of, load_part
from files_service.gateway.peers import hash_holder, peer_holder
from files_service.gateway.replies import bad_field, json_reply
from files_service.gateway.state import gateway_of
from files_service.gateway.threads import HOLDER
from files_service.gateway.transfer.body import let_send, require_plain
from files_service.gateway.transfer.digests import sha256_of
from files_service.gateway.transfer.receive import BlobSink, PartSink, VerifySink
from files_service.gateway.transfer.socket_receive import receive_body
from files_service.services import content
from files_service.services.accounts.identity import is_closed
from files_service.services.parts import PartAddress, finish_part
from files_service.services.uploads.quota import require_space
from storage_adapters import JSON, BlobExists, BlobInfo, FileStatus, Grant


async def put_blob(request: web.Request) -> web.StreamResponse:
    """Receive a part."""
    gateway = gateway_of(request)
    address = address_of(request)
    grant = grant_of(request, address.key)
    size, sha256 = announced_size(request, grant), sha256_of(request.headers)
    owner = hash_holder(address.owner)
    HOLDER.set(owner)
    with gateway.uploads.take(peer_holder(request), owner):
        # Before any byte is received, and before ``100 Continue``.
        sink = await gateway.calls.run(open_sink, gateway.core, address, sha256)
        try:
            await let_send(request)
            await gateway.unless_given_up(receive_body(request, gateway, sink, size))
            info = await gateway.transfers.run(complete, sink)
        except BaseException:
            await gateway.transfers.run(sink.abort)
            raise
    gateway.metrics.uploaded_bytes.inc(size)
    result = await gateway.calls.run(gateway.counted("files.finish", finish), gateway.core, info, sink.crc32)
    return json_reply(
        result, 201 if isinstance(sink, BlobSink) else 200, {"ETag": f'"{info.sha256 or info.generation}"'}
    )


def announced_size(request: web.Request, grant: Grant) -> int:
    """Return the Content-Length; it and the Content-Type must be as signed. Raises HTTPError."""
    require_plain(request)
    if request.content_length is None or "Transfer-Encoding" in request.headers:
        raise bad_field("Content-Length", "Send the length of the body, which must not be chunked.", 411)
    if request.content_length != grant.size:
        raise bad_field("Content-Length", f"The URL was signed for {grant.size} bytes.")
    if request.headers.get("Content-Type", "").strip().lower() != (grant.content_type or "").lower():
        raise bad_field("Content-Type", f"The URL was signed for {grant.content_type}.")
    if "Content-Range" in request.headers:
        raise bad_field("Content-Range", "The body must be the whole part.")
    return request.content_length


def open_sink(core: Core, address: Address, sha256: str | None = None) -> PartSink:
    """Open the destination of the bytes, which may have to have this checksum.

    Raises Forbidden for a disabled account, PartMismatch when another checksum was declared, Gone or NotFound for
    bytes of no file, InsufficientStorage when the disk has filled since they were declared.
    """
    record, part = load_part(core, address)
    if is_closed(core, record.owner):
        raise Forbidden("the account of the owner is disabled", {"file_id": address.file_id})
    if record.status is not FileStatus.PENDING or part.received_at is not None:
        return VerifySink(content.head(core, part), sha256)
    if sha256 is not None and part.sha256 not in (None, sha256):
        raise PartMismatch("the digest is not the declared one", {"field": "sha256", "declared": part.sha256})
    part = replace(part, sha256=sha256 or part.sha256)
    declared = [name for name in ("md5", "crc32c", "sha256") if getattr(part, name)]
    try:
        writer = core.blobs.writer(part.key, content_type=part.content_type, now=core.clock(), checksums=declared)
    except BlobExists as error:
        # Stored by a request that got no answer.
        return VerifySink(error.info, sha256)
    try:
        require_space(core, part.size)
    except BaseException:
        writer.abort()
        raise
    return BlobSink(writer, part)


def complete(sink: PartSink) -> BlobInfo:
    """Store the received bytes. Raises PartMismatch when they are not as declared."""
    try:
        return sink.complete()
    except BlobExists as error:
        message = "another request has just brought this part; repeat this one to have the bytes compared"
        raise Busy(message, {"field": "key"}) from error


def finish(core: Core, info: BlobInfo, crc32: str) -> JSON:
    """Finish the part as the notification of a foreign store would."""
    address = PartAddress(key=info.key, bucket=info.bucket)
    announced = {"generation": info.generation, "size": info.size}
    try:
        return finish_result(finish_part(core, address, announced=announced, crc32=crc32))
    except (Gone, NotFound):
        # The file was removed while its bytes arrived.
        core.blobs.delete(info.key, generation=info.generation)
        raise
