"""files.upload: declare a file, get an address for each part."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from marshmallow import fields, validate

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    change,
    owner_field,
    require,
    require_acts_for,
    to_wire,
)
from files_service.actions.creation import save_if_room
from files_service.actions.parameters import (
    PartParams,
    PostAction,
    access_field,
    alias_field,
    expires_field,
    flag,
    meta_field,
    name_field,
    request_id_field,
    require_allowed,
    require_allowed_changes,
    tags_field,
    web_address,
)
from files_service.core import Core
from files_service.domain.editing import merge_meta, normalise_tags
from files_service.domain.uploads import declared_parts, prolong
from files_service.errors import TooLarge
from storage_adapters import (
    JSON,
    Access,
    BlobExists,
    FileRecord,
    FileStatus,
    Part,
    SignedUrl,
    SupportsResumableUpload,
    SupportsSignedUrls,
)

# Each is a round trip to the store.
_BEGUN_AT_ONCE = 8


class UploadParams(ParamsSchema):
    """Parameters of files.upload."""

    owner = owner_field()
    name = name_field(required=True)
    parts = fields.List(
        fields.Nested(PartParams),
        required=True,
        validate=validate.Length(1, 100),
        metadata={"description": "1 to 100 parts, in their order."},
    )
    access = access_field(load_default=Access.PRIVATE)
    tags = tags_field(load_default=())
    meta = meta_field(load_default=dict)
    alias = alias_field(load_default=None)
    temporary = flag("Remove the file when ttl_seconds are over.")
    ttl_seconds = fields.Integer(
        strict=True,
        load_default=86_400,
        validate=validate.Range(1, 31_536_000),
        metadata={"description": "Life of a temporary file, from this call on."},
    )
    resumable = flag("Prefer a resumable protocol where the blob store has one.", default=True)
    expires_seconds = expires_field(900)
    origin = fields.String(
        load_default=None,
        allow_none=True,
        validate=web_address,
        metadata={"description": "Origin of the web page that will send the bytes, for stores that ask for it."},
    )
    request_id = request_id_field("The caller's name for this call: repeating it gives the same file.")
    post_action = fields.Nested(
        PostAction, load_default=None, allow_none=True, metadata={"description": "What to do once it is processed."}
    )


@action("files.upload", UploadParams)
def upload(params: Params, core: Core) -> JSON:
    """Declare a file and get an address for the bytes of each part."""
    require_acts_for(params["owner"], params["actor"])
    check_limits(params, core)
    blobs = require(core.blobs, SupportsSignedUrls)
    now = core.clock()
    record = save_if_room(pending_record(params, core, now), core)
    until = now + params["expires_seconds"] * 1000
    if prolong(record, until) is not record:
        # A repeated call, near the end of the upload's life. No address may outlive the upload: bytes that came later
        # would belong to nobody.
        record = change(core, record.file_id, partial(prolong, until=until))
    return _with_addresses(record, blobs, params, now)


def pending_record(params: Params, core: Core, now: int) -> FileRecord:
    """The record that a declaration makes, not saved yet."""
    file_id = core.new_id()
    parts = declared_parts(params["owner"], file_id, core.blobs.bucket, params["parts"])
    life = max(core.settings.upload_ttl_seconds, params["expires_seconds"])
    return FileRecord(
        file_id=file_id,
        owner=params["owner"],
        name=params["name"],
        created_at=now,
        parts=parts,
        size=sum(part.size for part in parts),
        content_type=parts[0].content_type,
        access=params["access"],
        alias=params["alias"],
        tags=normalise_tags(params["tags"]),
        meta=merge_meta({}, params["meta"]),
        temporary=params["temporary"],
        expires_at=now + params["ttl_seconds"] * 1000 if params["temporary"] else None,
        upload_expires_at=now + life * 1000,
        request_id=params["request_id"],
        post_action=params["post_action"],
    )


def check_limits(params: Params, core: Core) -> None:
    """Raise TooLarge or UnsupportedType when the declared parts are not taken here."""
    settings = core.settings
    for index, part in enumerate(params["parts"]):
        if part["size"] > settings.max_part_bytes:
            details = {"field": f"parts.{index}.size", "limit": settings.max_part_bytes}
            raise TooLarge("the part is too large", details)
        require_allowed(part["content_type"], f"parts.{index}.content_type", core)
    if sum(part["size"] for part in params["parts"]) > settings.max_file_bytes:
        raise TooLarge("the file is too large", {"field": "parts", "limit": settings.max_file_bytes})
    if params["post_action"] is not None:
        require_allowed_changes(params["post_action"]["update"], "post_action.update", core)


def _with_addresses(record: FileRecord, blobs: SupportsSignedUrls, params: Params, now: int) -> JSON:
    """The record on the wire, with an ``upload`` for each part whose bytes are still missing."""
    result = to_wire(record)
    missing = [] if record.status is not FileStatus.PENDING else record.missing_parts
    shown = {part["part_id"]: part for part in result["parts"]}
    if params["resumable"] and isinstance(blobs, SupportsResumableUpload):
        begin = partial(_begun, record, blobs, origin=params["origin"], now=now)
        with ThreadPoolExecutor(_BEGUN_AT_ONCE) as pool:
            addresses = list(pool.map(begin, missing))
    else:
        until = now + params["expires_seconds"] * 1000
        addresses = [_signed(part, blobs, until) for part in missing]
    for part, address in zip(missing, addresses, strict=True):
        if address is not None:
            shown[part.part_id]["upload"] = {
                "method": address.method,
                "url": address.url,
                "headers": dict(address.headers),
                "expires_at": address.expires_at,
                "protocol": address.protocol,
            }
    return result


def _signed(part: Part, blobs: SupportsSignedUrls, until: int) -> SignedUrl:
    return blobs.sign("PUT", part.key, expires_at=until, content_type=part.content_type, size=part.size)


def _begun(
    record: FileRecord, blobs: SupportsResumableUpload, part: Part, *, origin: str | None, now: int
) -> SignedUrl | None:
    """An upload in pieces, which is of use until the record's upload is over; None when the bytes are there."""
    checksums = {"md5": part.md5, "crc32c": part.crc32c}
    try:
        begun = blobs.start_upload(
            part.key, content_type=part.content_type, size=part.size, now=now, checksums=checksums, origin=origin
        )
    except BlobExists:
        return None
    return replace(begun, expires_at=min(begun.expires_at, record.upload_expires_at or begun.expires_at))
