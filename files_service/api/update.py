"""files.update: edit name, alias, tags, meta, content type or grantees."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.fields import OPTIONAL, integer
from files_service.api.parameters import Changes
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.services import editing
from storage_adapters import JSON


class UpdateParams(ParamsSchema):
    """Parameters of files.update."""

    file_id = file_id_field()
    changes = fields.Nested(Changes, required=True, metadata={"description": "Fields to set; null unsets."})
    expected_revision = integer("Reject the edit unless the file is at this revision.", 1, None, **OPTIONAL)


@action("files.update", UpdateParams)
def update(params: Params, core: Core) -> JSON:
    """Change name, alias, tags, meta, content type or grantees of a file."""
    return to_wire(
        editing.update(
            core,
            params["file_id"],
            params["changes"],
            actor=params["actor"],
            expected_revision=params["expected_revision"],
        )
    )
