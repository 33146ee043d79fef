"""files.upload: declare a file, get an address for each part."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, owner_field, require, text, to_wire
from files_service.actions.parameters import (
    PartParams,
    PostAction,
    access_field,
    alias_field,
    content_type_allowed,
    expires_field,
    flag,
    meta_field,
    name_field,
    tags_field,
)
from files_service.core import Core
from files_service.domain.access import may_act_for
from files_service.domain.editing import normalise_tags
from files_service.domain.uploads import declared_parts, same_declaration
from files_service.errors import Conflict, Forbidden, TooLarge, UnsupportedType
from storage_adapters import JSON, Access, FileRecord, FileStatus, NameTaken, SupportsSignedUrls


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
    origin = fields.Url(
        schemes={"http", "https"},
        require_tld=False,
        load_default=None,
        allow_none=True,
        metadata={"description": "Origin of the web page that will send the bytes, for stores that ask for it."},
    )
    request_id = fields.String(
        load_default=None,
        allow_none=True,
        validate=text(1, 100),
        metadata={"description": "The caller's name for this call: repeating it gives the same file."},
    )
    post_action = fields.Nested(
        PostAction, load_default=None, allow_none=True, metadata={"description": "What to do once it is processed."}
    )


@action("files.upload", UploadParams)
def upload(params: Params, core: Core) -> JSON:
    """Declare a file and get an address for the bytes of each part."""
    if not may_act_for(params["owner"], params["actor"]):
        raise Forbidden("the actor may not upload for this owner", {"owner": params["owner"]})
    _check_limits(params, core)
    wanted = pending_record(params, core)
    record = earlier_upload(wanted, core) or _save_or_find(wanted, core)
    return with_addresses(record, core, params)


def pending_record(params: Params, core: Core) -> FileRecord:
    """The record that a declaration makes, not saved yet."""
    now, file_id = core.clock(), core.new_id()
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
        meta=params["meta"],
        temporary=params["temporary"],
        expires_at=now + params["ttl_seconds"] * 1000 if params["temporary"] else None,
        upload_expires_at=now + life * 1000,
        request_id=params["request_id"],
        post_action=params["post_action"],
    )


def _check_limits(params: Params, core: Core) -> None:
    settings = core.settings
    for index, part in enumerate(params["parts"]):
        if part["size"] > settings.max_part_bytes:
            details = {"field": f"parts.{index}.size", "limit": settings.max_part_bytes}
            raise TooLarge("the part is too large", details)
        if not content_type_allowed(part["content_type"], settings.allowed_content_types):
            details = {"field": f"parts.{index}.content_type", "allowed": list(settings.allowed_content_types)}
            raise UnsupportedType(f"{part['content_type']} is not taken here", details)
    if sum(part["size"] for part in params["parts"]) > settings.max_file_bytes:
        raise TooLarge("the file is too large", {"field": "parts", "limit": settings.max_file_bytes})


def earlier_upload(wanted: FileRecord, core: Core) -> FileRecord | None:
    """The file that an earlier call with the same request id made. Raises Conflict when it was another declaration."""
    if wanted.request_id is None:
        return None
    [file_id] = core.metadata.resolve(wanted.owner, "request_id", [wanted.request_id])
    if file_id is None:
        return None
    record = core.metadata.get(file_id)
    if not same_declaration(record, wanted):
        raise Conflict("this request_id was used for another file", {"field": "request_id", "file_id": file_id})
    return record


def _save_or_find(wanted: FileRecord, core: Core) -> FileRecord:
    """Save the new record, unless the same request is being answered elsewhere and was faster."""
    try:
        return core.metadata.save(wanted, expected_revision=0, changed_at=wanted.created_at, event="created")
    except NameTaken as error:
        if error.kind != "request_id":
            raise
        found = earlier_upload(wanted, core)
        if found is None:
            raise Conflict("the file of this request_id was just removed", {"field": "request_id"}) from error
        return found


def with_addresses(record: FileRecord, core: Core, params: Params) -> JSON:
    """The record on the wire, with an ``upload`` for each part whose bytes are still missing."""
    result = to_wire(record)
    if record.status is not FileStatus.PENDING:
        return result
    blobs = require(core.blobs, SupportsSignedUrls)
    expires_at = core.clock() + params["expires_seconds"] * 1000
    for part, shown in zip(record.parts, result["parts"], strict=True):
        if part.received_at is None:
            signed = blobs.sign("PUT", part.key, expires_at=expires_at, content_type=part.content_type, size=part.size)
            shown["upload"] = {
                "method": signed.method,
                "url": signed.url,
                "headers": dict(signed.headers),
                "expires_at": signed.expires_at,
                "protocol": signed.protocol,
            }
    return result
