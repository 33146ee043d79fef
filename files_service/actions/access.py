"""files.access: set who may read files."""

from __future__ import annotations

from dataclasses import replace

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, change, file_id_field, require_change
from files_service.actions.parameters import MAX_BATCH, access_field
from files_service.core import Core
from files_service.errors import FilesError, storage_errors_as_files_errors
from storage_adapters import JSON, Access, FileRecord


class AccessParams(ParamsSchema):
    """Parameters of files.access."""

    file_ids = fields.List(
        file_id_field(required=False),
        required=True,
        validate=validate.Length(1, MAX_BATCH),
        metadata={"description": "1 to 100 ids."},
    )
    access = access_field(required=True)


@action("files.access", AccessParams)
def set_access(params: Params, core: Core) -> JSON:
    """Set the access of files; each is changed wholly or not at all, and answered for by itself."""
    results = [access_of(core, file_id, params["access"], params["actor"]) for file_id in params["file_ids"]]
    return {"files": results}


def access_of(core: Core, file_id: str, access: Access, actor: str | None) -> JSON:
    """Set the access of one file and say how it went; an error is part of the answer."""

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        return replace(record, access=access)

    try:
        with storage_errors_as_files_errors():
            record = change(core, file_id, decide, event="access_changed")
    except FilesError as error:
        return {"file_id": file_id, "ok": False, "error": error.to_wire()}
    return {
        "file_id": file_id,
        "ok": True,
        "access": record.access.value,
        "revision": record.revision,
        "change_token": record.change_token,
    }
