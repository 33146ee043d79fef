"""files.update: edit what people gave the file."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, change, file_id_field, require_change, to_wire
from files_service.actions.parameters import Changes
from files_service.core import Core
from files_service.domain.editing import edit
from files_service.errors import Conflict, Immutable
from storage_adapters import JSON, FileRecord


class UpdateParams(ParamsSchema):
    """Parameters of files.update."""

    file_id = file_id_field()
    changes = fields.Nested(Changes, required=True, metadata={"description": "What to set; null unsets."})
    expected_revision = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(1),
        metadata={"description": "Refuse unless the file is at this revision."},
    )


@action("files.update", UpdateParams)
def update(params: Params, core: Core) -> JSON:
    """Change name, alias, tags, meta, content type or grantees of a file."""

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, params["actor"])
        edited = edit(record, params["changes"])
        if edited == record:
            return record
        require_mutable(record)
        expected = params["expected_revision"]
        if expected is not None and expected != record.revision:
            raise Conflict(f"the file is at revision {record.revision}", {"revision": record.revision})
        return edited

    return to_wire(change(core, params["file_id"], decide, event="updated"))


def require_mutable(record: FileRecord) -> None:
    """Raise Immutable when the file was sealed."""
    if record.immutable:
        raise Immutable("the file is immutable", {"file_id": record.file_id})
