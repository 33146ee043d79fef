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
    owner = owner_field(description="Owner of the new file.")
    changes = fields.Nested(
        Changes, load_default=None, allow_none=True, metadata={"description": "Changes, as in files.update."}
    )
    request_id = request_id_field("Idempotency key. Absent: the same file, owner and changes return the same clone.")


@action("files.clone", CloneParams)
def clone(params: Params, core: Core) -> JSON:
    """Make a private copy of a file for an owner; the blob store copies the bytes."""
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
