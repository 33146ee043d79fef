"""files.clone: a new file with the same bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import partial

from marshmallow import fields

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    change,
    file_id_field,
    owner_field,
    readable,
    require,
    require_acts_for,
    require_finished,
    to_wire,
)
from files_service.actions.creation import save_if_room
from files_service.actions.parameters import (
    Changes,
    request_id_field,
    require_allowed_changes,
    require_fitting_meta,
)
from files_service.chunks import content
from files_service.core import Core
from files_service.domain.editing import edit
from files_service.domain.uploads import part_key, receive_part
from storage_adapters import JSON, Access, BlobExists, BlobInfo, FileRecord, Part, SupportsCopy


class CloneParams(ParamsSchema):
    """Parameters of files.clone."""

    file_id = file_id_field()
    owner = owner_field(description="Who will own the new file.")
    changes = fields.Nested(
        Changes, load_default=None, allow_none=True, metadata={"description": "What is to differ, as in files.update."}
    )
    request_id = request_id_field("Absent: the same file, owner and changes give the same clone.")


@action("files.clone", CloneParams)
def clone(params: Params, core: Core) -> JSON:
    """Make a private file of the same bytes for an owner; they are copied inside the blob store."""
    source = readable(core, params["file_id"], params["actor"])
    require_acts_for(params["owner"], params["actor"])
    require_finished(source)
    require_allowed_changes(params["changes"], "changes", core)
    require(core.blobs, SupportsCopy)
    record = save_if_room(_draft(source, params, core), core)
    for original, part in zip(source.parts, record.parts, strict=True):
        if part.received_at is None:
            info = _copy(original, part, record.owner, core)
            record = change(core, record.file_id, partial(receive_part, part=part, info=info, now=core.clock()))
    return to_wire(record)


def _draft(source: FileRecord, params: Params, core: Core) -> FileRecord:
    """The clone before its bytes are there: pending, so that a crash leaves what the sweeper clears."""
    now, file_id, owner = core.clock(), core.new_id(), params["owner"]
    parts = tuple(
        replace(part, key=part_key(owner, file_id, part.part_id), received_at=None, generation=None)
        for part in source.parts
    )
    draft = FileRecord(
        file_id=file_id,
        owner=owner,
        name=source.name,
        created_at=now,
        parts=parts,
        size=source.size,
        content_type=source.content_type,
        access=Access.PRIVATE,
        tags=source.tags,
        meta=source.meta,
        upload_expires_at=now + core.settings.upload_ttl_seconds * 1000,
        request_id=params["request_id"] or _request_id(params),
        parent_id=source.file_id,
    )
    return require_fitting_meta(edit(draft, params["changes"] or {}))


def _request_id(params: Params) -> str:
    """Name the call by what it says, so that a repeated one finds the clone of the first."""
    said = json.dumps([params["file_id"], params["owner"], params["changes"]], sort_keys=True)
    return f"clone:{hashlib.sha256(said.encode()).hexdigest()}"


def _copy(original: Part, part: Part, owner: str, core: Core) -> BlobInfo:
    try:
        return content.copy(core, original, part, owner=owner)
    except BlobExists as error:
        return error.info
