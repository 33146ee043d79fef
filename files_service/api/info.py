"""files.info: the record of one file."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from files_service.api.action import Params, ParamsSchema, action, file_id_field, owner_field
from files_service.api.fields import string
from files_service.api.text import line
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.errors import NotFound
from files_service.services.files import is_readable, readable
from storage_adapters import JSON, FileRecord


class InfoParams(ParamsSchema):
    """Parameters of files.info."""

    file_id = file_id_field(required=False)
    owner = owner_field(required=False, description="The owner, with alias.")
    alias = string("The alias, with owner.", line(1, 100))

    @validates_schema
    def one_address(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require file_id, or owner and alias."""
        given = {name for name in ("file_id", "owner", "alias") if name in data}
        if given not in ({"file_id"}, {"owner", "alias"}):
            raise ValidationError("Give file_id, or owner and alias.", "file_id")


@action("files.info", InfoParams)
def info(params: Params, core: Core) -> JSON:
    """Return the record of a file."""
    if "file_id" in params:
        record = readable(core, params["file_id"], params["actor"])
    else:
        record = _of_alias(params["owner"], params["alias"], params["actor"], core)
    return to_wire(record, params["actor"])


def _of_alias(owner: str, alias: str, actor: str | None, core: Core) -> FileRecord:
    """Load a file by alias. An unreadable file is "not found": aliases can be guessed, ids cannot."""
    [file_id] = core.metadata.resolve(owner, "alias", [alias])
    record = core.metadata.get(file_id) if file_id else None
    if record is None or not is_readable(core, record, actor):
        raise NotFound("the owner has no file with this alias", {"alias": alias})
    return record
