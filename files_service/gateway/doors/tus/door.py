"""Requests of tus clients: ``/tus/`` creates uploads, ``/tus/{upload_id}`` continues one."""

from __future__ import annotations

import asyncio

from aiohttp import web

from files_service.api.begin import begin, begin_joined
from files_service.core import Core
from files_service.domain.chunking import fits
from files_service.errors import Conflict, Forbidden, InsufficientStorage, MethodNotAllowed, TooLarge
from files_service.gateway.auth.callers import holders_of, owner_of
from files_service.gateway.cors import preflight
from files_service.gateway.replies import HTTPError
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer import tus_headers as protocol
from files_service.gateway.transfer.digests import repr_digest
from files_service.gateway.transfer.tus_body import Body, append, body_of
from files_service.gateway.transfer.upload_body import Most, complete_if_all_there
from files_service.gateway.transfer.upload_locks import UploadLock, upload_locks_of
from files_service.services.uploads.concatenate import is_joined, join, length_of_joined
from files_service.services.uploads.finish import complete
from files_service.services.uploads.quota import is_partial, require_room_for_more, uploads_of
from files_service.services.uploads.session import Beginning, UploadSession, declare_size, find_session, find_upload
from files_service.services.uploads.terminate import abandon, terminate
from storage_adapters import Upload

_METADATA = "tus_metadata"
_JOINED = "tus_concat"


async def options(request: web.Request) -> web.StreamResponse:
    """Reply with the capabilities of the server, and to preflight requests."""
    settings = gateway_of(request).core.settings
    headers = {
        "Tus-Version": protocol.VERSION,
        "Tus-Extension": protocol.EXTENSIONS,
        "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
        "Tus-Max-Size": str(min(settings.max_part_bytes, settings.max_file_bytes)),
    }
    response = await preflight(request)
    # Clients of tus look for OPTIONS, too.
    response.headers.update(headers | {"Access-Control-Allow-Methods": response.headers["Allow"]})
    return response


async def create(request: web.Request) -> web.StreamResponse:
    """Create an upload; the request may carry bytes."""
    gateway = gateway_of(request)
    owner = owner_of(request)
    protocol.require_version(request.headers)
    joining = protocol.concatenation_of(request.headers, gateway.core.settings.public_path)
    beginning = _beginning(request, owner, joining)
    if joining is not None and not joining.partial:
        if request.can_read_body and request.content_length != 0:
            raise HTTPError(Forbidden("a final upload takes no bytes", {"field": "body"}))
        upload = await gateway.calls.run(_begin_joined, gateway, beginning, joining.upload_ids, owner)
        return _created(gateway, upload)
    body = body_of(request)
    if body is not None:
        protocol.require_content_type(request.headers)
        if beginning.size is not None and (body.size or 0) > beginning.size:
            raise HTTPError(TooLarge("more bytes than the upload has", {"field": "body", "limit": beginning.size}))
    upload = await gateway.calls.run(gateway.counted("files.upload", begin), gateway.core, beginning)
    if upload.contiguous or upload.sealed_at is not None:
        return await _begun_earlier(gateway, upload, owner, body)
    if body is None and upload.size != 0:
        return _created(gateway, upload)
    try:
        upload, sha256 = await _receive(request, gateway, UploadSession(upload), 0, body)
    except BaseException as error:
        if beginning.request_id is None:
            # The client does not know the upload's address and cannot continue it.
            await asyncio.shield(gateway.calls.run(abandon, gateway.core, upload, owner))
        elif protocol.is_elsewhere(error):
            return await _begun_earlier(gateway, upload, owner, body)
        raise
    return _created(gateway, upload, sha256)


async def _begun_earlier(gateway: Gateway, upload: Upload, owner: str, body: Body | None) -> web.StreamResponse:
    """Reply to a creation whose upload an earlier one has begun: its offset tells that no bytes are taken again."""
    upload = await gateway.calls.run(_look, gateway, upload.upload_id, owner)
    is_whole = body is not None and body.size == upload.size
    if body is not None and body.check is not None and is_whole and body.check.is_of_others(upload.sha256):
        raise HTTPError(Conflict("this request_id was used for other bytes", {"field": "request_id"}))
    return _created(gateway, upload, upload.sha256)


async def act(request: web.Request) -> web.StreamResponse:
    """Handle a POST as the method in ``X-HTTP-Method-Override``, for clients that cannot send others."""
    match request.headers.get("X-HTTP-Method-Override", "").upper():
        case "PATCH":
            return await patch(request)
        case "DELETE":
            return await delete(request)
        case "HEAD":
            return await head(request)
    raise HTTPError(MethodNotAllowed("POST goes to /tus/", {"allowed": ["DELETE", "HEAD", "PATCH"]}))


async def head(request: web.Request) -> web.StreamResponse:
    """Reply with the offset of the upload."""
    gateway = gateway_of(request)
    protocol.require_version(request.headers)
    upload = await gateway.calls.run(_look, gateway, request.match_info["upload_id"], owner_of(request))
    headers = {"Cache-Control": "no-store", **_state(upload)}
    if upload.size is not None:
        headers["Upload-Length"] = str(upload.size)
    elif is_joined(upload):
        length = await gateway.calls.run(length_of_joined, gateway.core, upload)
        headers |= {"Upload-Length": str(length)} if length is not None else {}
    else:
        headers["Upload-Defer-Length"] = "1"
    if not is_joined(upload) or upload.complete:
        headers["Upload-Offset"] = str(upload.contiguous)
    if upload.details.get(_METADATA):
        headers["Upload-Metadata"] = upload.details[_METADATA]
    if is_partial(upload):
        headers["Upload-Concat"] = "partial"
    elif is_joined(upload):
        headers["Upload-Concat"] = upload.details[_JOINED]
    return web.Response(status=200, headers=headers)


async def patch(request: web.Request) -> web.StreamResponse:
    """Append bytes at the offset of the upload."""
    gateway = gateway_of(request)
    owner = owner_of(request)
    protocol.require_version(request.headers)
    protocol.require_content_type(request.headers)
    offset = protocol.offset_of(request.headers)
    session = await gateway.calls.run(find_session, gateway.core, request.match_info["upload_id"], owner)
    upload = session.upload
    if is_joined(upload):
        raise HTTPError(Forbidden("a final upload takes no bytes", {"upload_id": upload.upload_id}))
    body = body_of(request)
    length = protocol.number(request.headers, "Upload-Length")
    if length is not None:
        upload = await gateway.calls.run(declare_size, gateway.core, upload, length)
    upload, sha256 = await _receive(request, gateway, UploadSession(upload, session.record), offset, body)
    headers = _state(upload) | {"Upload-Offset": str(upload.contiguous)} | repr_digest(sha256)
    return web.Response(status=204, headers=headers)


async def delete(request: web.Request) -> web.StreamResponse:
    """Terminate the upload, with its file."""
    gateway = gateway_of(request)
    protocol.require_version(request.headers)
    owner = owner_of(request)
    upload = await gateway.calls.run(find_upload, gateway.core, request.match_info["upload_id"], owner)
    async with upload_locks_of(request).hold(upload.upload_id):
        await gateway.calls.run(gateway.counted("files.remove", terminate), gateway.core, upload, owner)
    return web.Response(status=204)


async def _receive(
    request: web.Request, gateway: Gateway, session: UploadSession, offset: int, body: Body | None
) -> tuple[Upload, str | None]:
    """Take the body from the offset on; return the upload, and the SHA-256 of a whole one where it is known."""
    upload, size = session.upload, body.size if body is not None else 0
    if not fits(upload, offset, size or 0):
        raise HTTPError(TooLarge(f"the upload ends at {upload.size}", {"field": "Upload-Offset", "limit": upload.size}))
    with gateway.uploads.take(*holders_of(request, owner_of(request))):
        async with upload_locks_of(request).hold(upload.upload_id) as lock:
            # Under the lock no other request moves the offset.
            upload, most = await gateway.calls.run(_current, gateway.core, upload, offset, size or 0, lock)
            if body is not None and upload.size != offset:
                upload = await append(request, gateway, upload, offset, body, lock=lock, most=most)
            if not upload.complete:
                return upload, None
            finished = await gateway.transfers.run(complete_if_all_there, gateway, upload, record=session.record)
    return upload, finished.sha256 if finished is not None else None


def _current(core: Core, upload: Upload, offset: int, size: int, lock: UploadLock) -> tuple[Upload, Most]:
    """Return the upload, read again where it may have moved, and the most bytes that it takes from there on."""
    if lock.displaced or offset != upload.contiguous:
        upload = uploads_of(core).get_upload(upload.upload_id)
    if offset != upload.contiguous:
        raise protocol.elsewhere(upload.contiguous)
    room, error = require_room_for_more(core, upload, size, end=offset + size)
    if upload.size is not None and not isinstance(error, InsufficientStorage):
        # More bytes may follow than are missing: those are ignored.
        room = upload.size - offset
    return upload, (room, error)


def _look(gateway: Gateway, upload_id: str, owner: str) -> Upload:
    """Find the upload; complete one whose finisher died."""
    upload = join(gateway.core, find_upload(gateway.core, upload_id, owner))
    if upload.complete and upload.sealed_at is None and not is_partial(upload):
        gateway.counted("files.finish", complete)(gateway.core, UploadSession(upload))
        return uploads_of(gateway.core).get_upload(upload_id)
    return upload


def _begin_joined(gateway: Gateway, beginning: Beginning, upload_ids: tuple[str, ...], owner: str) -> Upload:
    begun = gateway.counted("files.upload", begin_joined)(gateway.core, beginning, upload_ids, owner)
    upload = join(gateway.core, begun)
    if upload.complete:
        gateway.counted("files.finish", complete)(gateway.core, UploadSession(upload))
    return upload


def _beginning(request: web.Request, owner: str, joining: protocol.Concatenation | None) -> Beginning:
    said = protocol.metadata_of(request.headers)
    final = joining is not None and not joining.partial
    size = protocol.number(request.headers, "Upload-Length") if final else protocol.length_of(request.headers)
    details = {_METADATA: request.headers.get("Upload-Metadata", "")}
    if final:
        details[_JOINED] = request.headers["Upload-Concat"]
    return Beginning(
        owner=owner,
        size=size,
        name=protocol.name_of(said),
        content_type=protocol.type_of(said),
        access=said.get("access") or None,
        tags=tuple(tag.strip() for tag in said.get("tags", "").split(",") if tag.strip()),
        md5=said.get("md5") or None,
        sha256=said.get("sha256") or None,
        path=said.get("path") or None,
        on_conflict=said.get("on_conflict") or None,
        version_of=said.get("version_of") or None,
        label=said.get("label") or None,
        meta=protocol.meta_of(said),
        request_id=said.get("request_id"),
        partial=joining is not None and joining.partial,
        details=details,
    )


def _created(gateway: Gateway, upload: Upload, sha256: str | None = None) -> web.Response:
    headers = {"Location": f"{gateway.core.settings.public_path}{protocol.PATH}{upload.upload_id}", **_state(upload)}
    headers |= repr_digest(sha256)
    if not is_joined(upload):
        headers["Upload-Offset"] = str(upload.contiguous)
    return web.Response(status=201, headers=headers)


def _state(upload: Upload) -> dict[str, str]:
    """Return the headers of every reply about an upload: its expiry."""
    return {} if upload.sealed_at is not None else {"Upload-Expires": protocol.expires(upload.expires_at)}
