"""files.info: all that is known of one file."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    file_id_field,
    owner_field,
    readable,
    text,
    to_wire,
)
from files_service.core import Core
from files_service.errors import NotFound
from storage_adapters import JSON


class InfoParams(ParamsSchema):
    """Parameters of files.info."""

    file_id = file_id_field(required=False)
    owner = owner_field(required=False, description="The owner, with alias.")
    alias = fields.String(validate=text(1, 100), metadata={"description": "The alias, with owner."})

    @validates_schema
    def one_address(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Ask for file_id, or for owner and alias."""
        given = {name for name in ("file_id", "owner", "alias") if name in data}
        if given not in ({"file_id"}, {"owner", "alias"}):
            raise ValidationError("Give file_id, or owner and alias.", "file_id")


@action("files.info", InfoParams)
def info(params: Params, core: Core) -> JSON:
    """Return the record of a file."""
    file_id = params.get("file_id")
    if file_id is None:
        [file_id] = core.metadata.resolve(params["owner"], "alias", [params["alias"]])
    if file_id is None:
        raise NotFound("the owner has no file of this alias", {"alias": params["alias"]})
    return to_wire(readable(core, file_id, params["actor"]), params["actor"])
