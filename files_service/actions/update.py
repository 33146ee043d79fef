"""files.update: edit what people gave the file."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    change,
    file_id_field,
    require_change,
    require_mutable,
    to_wire,
)
from files_service.actions.parameters import Changes, require_allowed_changes, require_fitting_meta
from files_service.core import Core
from files_service.domain.editing import edit, is_same, keeps_the_seal
from files_service.errors import Conflict
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
    require_allowed_changes(params["changes"], "changes", core)

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, params["actor"])
        edited = edit(record, params["changes"])
        if is_same(edited, record):
            return record
        if not keeps_the_seal(record, edited):
            require_mutable(record)
        expected = params["expected_revision"]
        if expected is not None and expected != record.revision:
            raise Conflict(f"the file is at revision {record.revision}", {"revision": record.revision})
        return require_fitting_meta(edited)

    return to_wire(change(core, params["file_id"], decide, event="updated"))
