"""files.clone: a new file with the same bytes."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.action import Params, ParamsSchema, action, file_id_field, owner_field
from files_service.api.parameters import Changes, request_id_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.services import cloning
from storage_adapters import JSON


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
    return to_wire(
        cloning.clone(
            core,
            params["file_id"],
            params["owner"],
            actor=params["actor"],
            changes=params["changes"],
            request_id=params["request_id"],
        )
    )
