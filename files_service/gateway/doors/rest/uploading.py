"""``POST /api/files/upload``: a whole file in one request."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from typing import Any

from aiohttp import BodyPartReader, web

from files_service.api.begin import begin, store_whole
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.access import NOBODY
from files_service.domain.chunking import names_in_upload_id
from files_service.domain.editing import MAX_META_BYTES
from files_service.errors import Busy, Conflict, Gone, NotFound, TooLarge, storage_errors_as_files_errors
from files_service.gateway.auth.callers import actor_of, holders_of, owner_of
from files_service.gateway.query import json_object, texts
from files_service.gateway.replies import HTTPError, bad_field, json_reply
from files_service.gateway.state import Gateway, gateway_of
from files_service.gateway.transfer.body import BODY_ERRORS, let_send, require_plain
from files_service.gateway.transfer.digests import FIELDS, sha256_of
from files_service.gateway.transfer.form_fields import FormReader, names_of, next_field, no_form
from files_service.gateway.transfer.form_files import MAX_FIELD_BYTES, PIECE, read_text, take_in_field
from files_service.gateway.transfer.min_rate import MinRate, body_rate
from files_service.gateway.transfer.receive import broke_off
from files_service.gateway.transfer.upload_body import Most, complete_if_all_there, finish_stream, read_whole, take_in
from files_service.gateway.transfer.upload_locks import upload_locks_of
from files_service.services.uploads.quota import check_room, require_place, room_for_more
from files_service.services.uploads.session import Beginning, declare_size
from files_service.services.uploads.terminate import abandon
from files_service.services.uploads.whole import WHOLE_BYTES
from storage_adapters import JSON, RecordNotFound, Upload, UploadNotFound

MAX_FIELDS = 20
_SAID = {"name", "access", "tags", "meta", "sha256", "md5", "path", "on_conflict"}
# Names the request that began an upload: its address is known to no client.
_REQUEST = "rest_request"
_ATTEMPTS = 5


async def upload(request: web.Request) -> web.StreamResponse:
    """Take a file: the raw body with ``?name=``, or the field ``file`` of a form."""
    return await _upload(request, _SAID | {"request_id"}, {})


async def upload_version(request: web.Request) -> web.StreamResponse:
    """Take the next version of a file, in the forms of an upload; its name is that of the file."""
    said = {"name": "file", "version_of": request.match_info["file_id"]}
    return await _upload(request, {"label", "sha256", "md5"}, said)


async def upload_form(request: web.Request) -> web.StreamResponse:
    """Take a file of any size in the field ``file`` of a form; of a stranger where the settings allow it."""
    settings = gateway_of(request).core.settings
    if settings.anonymous_owner and actor_of(request) == NOBODY:
        # A stranger decides nothing about the files of that owner.
        owner, known = settings.anonymous_owner, _SAID & {"name", "sha256", "md5"}
    else:
        owner, known = owner_of(request), _SAID
    if request.content_type != "multipart/form-data":
        raise no_form()
    result = await _take(request, owner, known, {}, settings.max_part_bytes)
    return json_reply(result, 201, {"Location": f"{settings.public_path}/download/{_file_of(result)}"})


async def _upload(request: web.Request, known: AbstractSet[str], said: dict[str, Any]) -> web.StreamResponse:
    core = gateway_of(request).core
    result = await _take(request, owner_of(request), known, said, core.settings.form_upload_bytes)
    return json_reply(result, 201, {"Location": f"{core.settings.public_path}/api/files/{_file_of(result)}"})


async def _take(request: web.Request, owner: str, known: AbstractSet[str], said: dict[str, Any], limit: int) -> JSON:
    """Take a file of at most ``limit`` bytes; return its record."""
    gateway = gateway_of(request)
    form = request.content_type == "multipart/form-data"
    require_plain(request)
    if (request.content_length or 0) > limit + (PIECE if form else 0):
        raise too_large(gateway.core, limit)
    for name in request.query:
        if name not in known:
            raise bad_field(name[:100], "Unknown parameter.")
    said = said | {name: request.query[name] for name in known - {"tags"} if name in request.query}
    said["tags"] = texts(request, "tags")
    with gateway.uploads.take(*holders_of(request, owner)):
        if form:
            return await _take_form(request, gateway, owner, said, limit, known)
        return await _take_body(request, gateway, owner, said, limit)


def _file_of(result: JSON) -> str:
    """Return the id of the file at which the bytes will be: the upload of a version has an address for a while only."""
    return str(result["version_of"] or result["file_id"])


def too_large(core: Core, limit: int) -> HTTPError:
    """Make the error for a file that is left to the resumable doors."""
    tus, websocket = doors = [f"{core.settings.public_path}{path}" for path in ("/tus/", "/ws/upload")]
    message = f"at most {limit} bytes are taken in one request; send larger files by tus at {tus} or by {websocket}"
    return HTTPError(TooLarge(message, {"limit": limit, "doors": doors}))


async def _take_body(request: web.Request, gateway: Gateway, owner: str, said: Any, limit: int) -> JSON:
    if "name" not in said and "path" not in said:
        raise bad_field("name", "Send the name of the file: ?name= or ?path=")
    digest = sha256_of(request.headers)
    if digest is not None and said.setdefault("sha256", digest).lower() != digest:
        raise bad_field("sha256", "Differs from the digest in the headers.")
    size = request.content_length if "Transfer-Encoding" not in request.headers else None
    content_type = request.headers.get("Content-Type")
    beginning = _beginning(owner, said, size=size, content_type=content_type)
    if size is not None and size <= WHOLE_BYTES:
        body = await read_whole(request, gateway, size)
        # One step does what both methods do.
        store = gateway.counted("files.upload", gateway.counted("files.finish", store_whole))
        finished = await gateway.transfers.run(store, gateway.core, beginning, body)
        return to_wire(finished.record)
    begun = await _begin(gateway, beginning)
    if not isinstance(begun, Upload):
        return begun
    try:
        most = await gateway.calls.run(_most, gateway.core, begun, limit)
        async with upload_locks_of(request).hold(begun.upload_id) as lock:
            stream = await take_in(request, gateway, begun, 0, size=size, lock=lock, most=most)
            begun = await finish_stream(gateway, stream)
        return await gateway.transfers.run(_complete, gateway, begun)
    except BaseException as error:
        is_taken = beginning.request_id is not None and isinstance(error, Busy)
        if not is_taken:
            await _forget(gateway, begun, owner)
        if beginning.request_id is not None and isinstance(error, NotFound | Gone | UploadNotFound | RecordNotFound):
            raise HTTPError(_elsewhere()) from error
        raise


async def _take_form(
    request: web.Request, gateway: Gateway, owner: str, said: Any, limit: int, known: AbstractSet[str]
) -> JSON:
    if digest := next((name for name in FIELDS if name in request.headers), None):
        raise bad_field(digest, "A form has none: send the field sha256 of the file.")
    await gateway.calls.run(_check_room, gateway.core, owner, request.content_length or 0)
    await let_send(request)
    begun: Upload | None = None
    pace = body_rate(gateway.limits)
    try:
        reader = FormReader(request.headers, request.content, most_before=gateway.limits.preamble_bytes)
        for _ in range(MAX_FIELDS):
            field = await next_field(reader, pace)
            if field is None:
                break
            if begun is not None:
                raise bad_field("file", "Send one file, as the last field of the form.")
            name, file_name = names_of(field)
            if name == "file":
                named = {"name": file_name, **said}
                beginning = _beginning(owner, named, size=None, content_type=field.headers.get("Content-Type"))
                begun = await gateway.calls.run(gateway.counted("files.upload", begin), gateway.core, beginning)
                most = await gateway.calls.run(_most, gateway.core, begun, limit)
                begun = await take_in_field(field, gateway, begun, most, pace)
            else:
                await _note(field, name or "field", said, known, pace)
        if begun is None:
            raise bad_field("file", "The form has no field file.")
        return await gateway.transfers.run(_complete, gateway, begun)
    except BaseException as error:
        if begun is not None:
            await _forget(gateway, begun, owner)
        if isinstance(error, BODY_ERRORS):
            raise broke_off(0, request.content_length or 0) from None
        if isinstance(error, ValueError | AssertionError) and not isinstance(error, HTTPError):
            raise no_form() from error
        raise


async def _note(field: BodyPartReader, name: str, said: dict[str, Any], known: AbstractSet[str], pace: MinRate) -> None:
    """Read a field of the form that describes the file."""
    if name not in known:
        raise bad_field(name[:100], "Unknown field.")
    text = await read_text(field, name, pace, MAX_META_BYTES if name == "meta" else MAX_FIELD_BYTES)
    said[name] = [each.strip() for each in text.split(",") if each.strip()] if name == "tags" else text


def _meta_of(said: Mapping[str, Any]) -> JSON:
    meta = json_object(said.get("meta", ""))
    if meta is None:
        raise bad_field("meta", "Must be a JSON object.")
    return meta


def _beginning(owner: str, said: Any, *, size: int | None, content_type: str | None) -> Beginning:
    return Beginning(
        owner=owner,
        size=size,
        name=said.get("name") or "file",
        content_type=content_type or None,
        access=said.get("access"),
        tags=tuple(said.get("tags", ())),
        meta=_meta_of(said),
        sha256=said.get("sha256"),
        md5=said.get("md5"),
        path=said.get("path"),
        on_conflict=said.get("on_conflict"),
        version_of=said.get("version_of"),
        label=said.get("label"),
        request_id=said.get("request_id"),
    )


async def _begin(gateway: Gateway, beginning: Beginning) -> Upload | JSON:
    """Begin an upload; return the record of an earlier request with the same id that has brought all bytes.

    One that broke off, or whose client has given up, has left an upload whose address nobody knows: it is abandoned.
    """
    begin_file, mine = gateway.counted("files.upload", begin), token_hex(8)
    if beginning.request_id is None:
        return await gateway.calls.run(begin_file, gateway.core, beginning)
    beginning = replace(beginning, details={_REQUEST: mine})
    for _ in range(_ATTEMPTS):
        try:
            begun = await gateway.calls.run(begin_file, gateway.core, beginning)
            if begun.sealed_at is not None:
                raise Gone("the file was removed", {"file_id": _file_id_of(begun)})
        except NotFound:
            # Another request has just abandoned it.
            continue
        except Gone as error:
            file_id = error.details.get("file_id")
            if file_id is None:
                raise
            record = await gateway.calls.run(_arrived, gateway.core, file_id)
            if record is not None:
                return record
            # Another request has just removed it.
            continue
        # One without any byte is taken over: that of another door, or of a request that has just made the record.
        if begun.details.get(_REQUEST) == mine or (_REQUEST not in begun.details and not begun.received):
            return begun
        if _REQUEST not in begun.details:
            place = {"field": "request_id", "upload_id": begun.upload_id, "offset": begun.contiguous}
            raise HTTPError(Conflict("an upload of this request_id is under way at another door: go on there", place))
        await _forget(gateway, begun, beginning.owner)
    raise HTTPError(_elsewhere())


def _elsewhere() -> Busy:
    return Busy("another request with this request_id brings the bytes", {"field": "request_id"})


def _file_id_of(begun: Upload) -> str:
    names = names_in_upload_id(begun.upload_id)
    assert names is not None
    return names[0]


def _arrived(core: Core, file_id: str) -> JSON | None:
    """Return the record of a file whose bytes have arrived, None without one."""
    with storage_errors_as_files_errors(), suppress(RecordNotFound):
        record = core.metadata.get(file_id)
        return to_wire(record) if not record.missing_parts else None
    return None


def _complete(gateway: Gateway, begun: Upload) -> JSON:
    if begun.size is None:
        begun = declare_size(gateway.core, begun, begun.received)
    finished = complete_if_all_there(gateway, begun)
    assert finished is not None, "all bytes of a whole file have come"
    return to_wire(finished.record)


def _most(core: Core, begun: Upload, limit: int) -> Most:
    """Return the most bytes of a body of unknown size, and the error for a longer one."""
    room, error = room_for_more(core, begun)
    return (limit, too_large(core, limit).error) if limit <= room else (room, error)


def _check_room(core: Core, owner: str, size: int) -> None:
    require_place(core, owner)
    check_room(core, owner, size)


async def _forget(gateway: Gateway, begun: Upload, owner: str) -> None:
    """Abandon an upload whose id the client does not know."""
    await asyncio.shield(gateway.calls.run(abandon, gateway.core, begun, owner))
