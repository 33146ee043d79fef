"""``/file``: an upload as a list of chunks, and a file with the places of its chunks.

Such a file is a file like any other: its upload can be continued at every door.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from aiohttp import web

from files_service.api.begin import begin
from files_service.core import Core
from files_service.domain.access import NOBODY
from files_service.domain.chunking import file_id_of_upload, upload_id_of
from files_service.errors import Forbidden, NotFound, TooLarge
from files_service.gateway.auth.bearer import unauthorized
from files_service.gateway.auth.callers import actor_of, holders_of, owner_of
from files_service.gateway.doors.nodes.members import controller_of
from files_service.gateway.query import number
from files_service.gateway.replies import HTTPError, bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import parse_object, read_small, require_json, require_plain
from files_service.gateway.transfer.body_memory import BodyMemory
from files_service.gateway.transfer.min_rate import body_rate
from files_service.gateway.transfer.upload_body import complete_if_all_there, read_whole
from files_service.nodes.controller.locations import MOST_CHUNKS, PAGE_CHUNKS, file_with_locations
from files_service.services.uploads.known_chunks import append_known
from files_service.services.uploads.session import Beginning, UploadSession, declare_size, find_session
from files_service.services.uploads.slices import require_fits, require_takes_slices, store_slice
from storage_adapters import JSON, FileRecord, Upload

_SAID = {"name", "size", "mime_type", "access", "tags", "meta", "path", "on_conflict", "sha256", "md5", "request_id"}
_TEXTS = _SAID - {"size", "tags", "meta"}
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 2**53
# Chunks that are in memory at the same time.
_AT_ONCE = 16
IN_MEMORY = web.AppKey("in_memory", BodyMemory)


def memory_of(gateway: Gateway) -> BodyMemory:
    """Make the memory of a gateway for chunks."""
    longest = gateway.core.settings.chunk_bytes
    return BodyMemory(_AT_ONCE * longest, longest, gateway.limits)


async def create(request: web.Request) -> web.StreamResponse:
    """Begin a file: ``{"name": …, "size": …}``, whose chunks follow."""
    gateway, owner = gateway_of(request), owner_of(request)
    said = await _object(request, gateway)
    beginning = _beginning(owner, said)
    upload = await gateway.calls.run(gateway.counted("files.upload", begin), gateway.core, beginning)
    answer = await gateway.transfers.run(_conclude, gateway, UploadSession(upload))
    location = f"{gateway.core.settings.public_path}/file/{answer['id']}"
    return json_reply({"name": said["name"], **answer}, 201, {"Location": location})


async def append(request: web.Request) -> web.StreamResponse:
    """Take a chunk: its bytes with ``?order=`` or ``?offset=``, or its description; or take the file for complete."""
    gateway, owner = gateway_of(request), owner_of(request)
    upload_id = upload_id_of(request.match_info["file_id"], "p0")
    session = await gateway.calls.run(find_session, gateway.core, upload_id, owner)
    with gateway.uploads.take(*holders_of(request, owner)):
        if request.content_type == "application/json":
            done, chunk = await _describe(gateway, session, await _object(request, gateway))
        else:
            done, chunk = await _store(request, gateway, session)
        answer = await gateway.transfers.run(_conclude, gateway, done)
    return json_reply({**answer, "chunk": chunk} if chunk else answer, 201 if chunk else 200)


async def show(request: web.Request) -> web.StreamResponse:
    """Reply with a file and the places of its chunks."""
    gateway, actor = gateway_of(request), actor_of(request)
    start = number(request, "start", 0, 0, _MOST_BYTES)
    limit = number(request, "limit", PAGE_CHUNKS, 1, MOST_CHUNKS)
    look = gateway.counted("files.manifest", file_with_locations)
    controller, file_id = controller_of(request), request.match_info["file_id"]
    try:
        return json_reply(await gateway.calls.run(look, controller, file_id, actor, start=start, limit=limit))
    except (Forbidden, NotFound):
        if actor != NOBODY:
            raise
    # Without a token, a missing file and one that needs a token are the same error.
    raise unauthorized("send Authorization: Bearer, with an end user's token")


async def _object(request: web.Request, gateway: Gateway) -> dict[str, Any]:
    require_json(request)
    return parse_object(await read_small(request, gateway.limits, most=gateway.limits.user_call_bytes), gateway.limits)


def _beginning(owner: str, said: dict[str, Any]) -> Beginning:
    if unknown := sorted(set(said) - _SAID):
        raise bad_field(unknown[0][:100], "Unknown field.")
    for name in _TEXTS & set(said):
        if not isinstance(said[name], str):
            raise bad_field(name, "Must be a text.")
    tags = said.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise bad_field("tags", "Must be a list of texts.")
    if not isinstance(said.get("meta", {}), dict):
        raise bad_field("meta", "Must be a JSON object.")
    if not said.get("name") and not said.get("path"):
        raise bad_field("name", "Missing.")
    said.setdefault("name", said.get("path", "").rpartition("/")[2])
    return Beginning(
        owner=owner,
        size=_count(said, "size") if "size" in said else None,
        name=said["name"],
        content_type=said.get("mime_type"),
        access=said.get("access"),
        tags=tuple(tags),
        meta=said.get("meta", {}),
        md5=said.get("md5"),
        sha256=said.get("sha256"),
        path=said.get("path"),
        on_conflict=said.get("on_conflict"),
        request_id=said.get("request_id"),
    )


async def _store(request: web.Request, gateway: Gateway, session: UploadSession) -> tuple[UploadSession, JSON]:
    """Store the body as a chunk."""
    require_plain(request)
    upload = session.upload
    require_takes_slices(upload)
    size = request.content_length if "Transfer-Encoding" not in request.headers else None
    if size is None:
        raise bad_field("Content-Length", "Send it.", 411)
    if size > upload.chunk_size:
        raise HTTPError(TooLarge("the body is one chunk at most", {"field": "body", "limit": upload.chunk_size}))
    offset = upload.contiguous
    if "order" in request.query:
        offset = number(request, "order", 0, 0, _MOST_BYTES // upload.chunk_size) * upload.chunk_size
    elif "offset" in request.query:
        offset = number(request, "offset", 0, 0, _MOST_BYTES)
    require_fits(upload, offset, size)
    pace = body_rate(gateway.limits)
    async with request.config_dict[IN_MEMORY].room(size, pace, *holders_of(request, owner_of(request))):
        body = await read_whole(request, gateway, size, pace)
        _require_hash(request, body)
        stored = await gateway.transfers.run(_put, gateway, upload, offset, body)
    gateway.metrics.uploaded_bytes.inc(size)
    chunk = {
        "id": hashlib.sha256(body).hexdigest(),
        "order": offset // upload.chunk_size,
        "offset": offset,
        "size": size,
    }
    return UploadSession(stored, session.record), chunk


def _require_hash(request: web.Request, body: bytes) -> None:
    expected = request.query.get("hash", "")
    if expected and hashlib.sha256(body).hexdigest() != expected.lower():
        raise bad_field("hash", "The body has another SHA-256.", 422)


def _put(gateway: Gateway, upload: Upload, offset: int, body: bytes) -> Upload:
    if not body:
        return upload
    _, stored = store_slice(gateway.engine(), upload, offset, memoryview(body))
    return stored.upload


async def _describe(
    gateway: Gateway, session: UploadSession, said: dict[str, Any]
) -> tuple[UploadSession, JSON | None]:
    """Append a chunk that the owner has stored before, or set the end of the file."""
    upload = session.upload
    if said == {"complete": True}:
        size = upload.received if upload.size is None else upload.size
        return UploadSession(await gateway.calls.run(declare_size, gateway.core, upload, size), session.record), None
    known = {"hash", "size"} | ({"order"} if "order" in said else {"offset"})
    if set(said) != known:
        raise bad_field("body", "Send hash and size with order or offset, or complete: true alone.")
    offset = _count(said, "order") * upload.chunk_size if "order" in said else _count(said, "offset")
    size, sha256 = _count(said, "size"), said["hash"]
    if not isinstance(sha256, str) or _HASH.fullmatch(sha256.lower()) is None:
        raise bad_field("hash", "Must be a SHA-256 in hex.")
    after = await gateway.calls.run(_append, gateway.core, upload, offset, size, sha256.lower())
    chunk = {"id": sha256.lower(), "order": offset // upload.chunk_size, "offset": offset, "size": size}
    return UploadSession(after, session.record), chunk


def _append(core: Core, upload: Upload, offset: int, size: int, sha256: str) -> Upload:
    return append_known(core, upload, offset=offset, size=size, sha256=sha256)


def _count(said: dict[str, Any], name: str) -> int:
    value = said[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MOST_BYTES:
        raise bad_field(name, "Must be a number of bytes or chunks.")
    return value


def _conclude(gateway: Gateway, session: UploadSession) -> JSON:
    """Finish an upload that has all bytes; return its state."""
    upload, record = session.upload, session.record
    finished = complete_if_all_there(gateway, upload, record=record) if upload.complete else None
    return _state(upload, finished.record if finished is not None else record)


def _state(upload: Upload, record: FileRecord | None) -> JSON:
    return {
        "id": file_id_of_upload(upload.upload_id),
        "upload_id": upload.upload_id,
        "size": upload.size,
        "received": upload.received,
        "chunk_size": upload.chunk_size,
        "complete": upload.complete,
        "status": record.status.value if record is not None else "pending",
        "expires_at": upload.expires_at,
    }
