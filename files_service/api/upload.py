"""files.upload: declare a file and get an upload URL for each part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from files_service.api.action import Params, ParamsSchema, action, file_id_field, owner_field
from files_service.api.fields import OPTIONAL, integer, several, string
from files_service.api.parameters import (
    PartParams,
    PostAction,
    access_field,
    alias_field,
    expires_field,
    flag,
    label_field,
    meta_field,
    name_field,
    request_id_field,
    tags_field,
    web_address,
)
from files_service.api.places import on_conflict_field, path_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.domain.chunking import upload_id_of
from files_service.domain.paths import name_of
from files_service.services.editing import require_sharing
from files_service.services.files import require, require_acts_for
from files_service.services.uploads.declare import Declaration, declare, upload_addresses
from files_service.services.uploads.queue_door import queue_address
from storage_adapters import (
    JSON,
    Access,
    FileRecord,
    SupportsSignedUrls,
)


class UploadParams(ParamsSchema):
    """Parameters of files.upload."""

    owner = owner_field()
    name = name_field(load_default=None, allow_none=True)
    path = path_field("Path of the file; its last segment is the name.", load_default=None, allow_none=True)
    on_conflict = on_conflict_field()
    parts = several(fields.Nested(PartParams), "1 to 100 parts, in order.", 1, 100, required=True)
    access = access_field(load_default=Access.PRIVATE)
    tags = tags_field(load_default=())
    meta = meta_field(load_default=dict)
    alias = alias_field(load_default=None)
    temporary = flag("Delete the file after ttl_seconds.")
    ttl_seconds = integer("Lifetime of a temporary file, from this call on.", 1, 31_536_000, load_default=86_400)
    resumable = flag("Prefer a resumable protocol if the blob store supports one.", default=True)
    expires_seconds = expires_field(900)
    origin = string("Origin of the web page that sends the bytes, for stores that require it.", web_address, **OPTIONAL)
    version_of = file_id_field(
        required=False, load_default=None, allow_none=True, description="File of which this is the next version."
    )
    label = label_field("Label of the version, which keeps it from being pruned.")
    request_id = request_id_field("Idempotency key: repeating the call with it returns the same file.")
    post_action = fields.Nested(
        PostAction, load_default=None, allow_none=True, metadata={"description": "Changes after processing."}
    )

    @validates_schema
    def named(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require the name or the path of a new file; the name of a path is its last segment."""
        path, name = data["path"], data["name"]
        if path is None and name is None and data["version_of"] is None:
            raise ValidationError("Missing data for required field.", "name")
        if path is not None and name not in (name_of(path), None):
            raise ValidationError("Must be the last segment of the path.", "name")

    @validates_schema(pass_original=True)
    def fits_a_version(self, data: dict[str, Any], original: Mapping[str, Any], **kwargs: Any) -> None:
        """Allow a version no fields of its own but the label."""
        if data.get("version_of") is None:
            if data.get("label") is not None:
                raise ValidationError("Needs version_of.", "label")
            return
        for name in _OF_FILES:
            if original.get(name) is not None:
                raise ValidationError("A version has none: set it on the file.", name)


# What a version shares with its file.
_OF_FILES = ("access", "tags", "meta", "alias", "temporary", "ttl_seconds", "post_action", "path")
_DECLARED = tuple(field.name for field in dataclass_fields(Declaration) if field.name != "author")


@action("files.upload", UploadParams)
def upload(params: Params, core: Core) -> JSON:
    """Declare a file and get an upload URL for each part."""
    require_acts_for(params["owner"], params["actor"])
    require_sharing({**(params["post_action"] or {}).get("update", {}), "access": params["access"]}, params["actor"])
    require(core.blobs, SupportsSignedUrls)
    # One time for both: no address may outlive the upload.
    now = core.clock()
    named = params if params["path"] is None else {**params, "name": name_of(params["path"])}
    author = params["actor"] if params["version_of"] is not None else None
    declaration = Declaration(**{name: named[name] for name in _DECLARED}, author=author)
    record = declare(core, declaration, resumable=params["resumable"], now=now)
    addresses = upload_addresses(
        core,
        record,
        resumable=params["resumable"],
        origin=params["origin"],
        expires_seconds=params["expires_seconds"],
        now=now,
    )
    result = to_wire(record)
    for part in result["parts"]:
        if (address := addresses.get(part["part_id"])) is not None:
            part["upload"] = {
                "method": address.method,
                "url": address.url,
                "headers": dict(address.headers),
                "expires_at": address.expires_at,
                "protocol": address.protocol,
            }
            if address.parts:
                part["upload"]["parts"] = [
                    {"number": each.number, "offset": each.offset, "size": each.size, "url": each.url}
                    for each in address.parts
                ]
            _add_queue(core, record, part)
    return result


def _add_queue(core: Core, record: FileRecord, part: JSON) -> None:
    """Add the address of the queue door, if it is open, to a part that waits for its bytes."""
    upload_id = upload_id_of(record.file_id, part["part_id"])
    address = queue_address(core, record.owner, upload_id, part["size"])
    if address is not None:
        part["amqp"] = address
