"""files.head: file ids by alias."""

from __future__ import annotations

from marshmallow import fields

from files_service.api.action import Params, ParamsSchema, action, owner_field
from files_service.api.fields import several
from files_service.api.parameters import MAX_BATCH
from files_service.api.text import line
from files_service.core import Core
from files_service.services.files import require_acts_for
from storage_adapters import JSON


class HeadParams(ParamsSchema):
    """Parameters of files.head."""

    owner = owner_field()
    aliases = several(fields.String(validate=line(1, 100)), "1 to 100 aliases.", 1, MAX_BATCH, required=True)


@action("files.head", HeadParams)
def head(params: Params, core: Core) -> JSON:
    """Return the file id of each alias, or null, in order."""
    require_acts_for(params["owner"], params["actor"])
    return {"file_ids": core.metadata.resolve(params["owner"], "alias", params["aliases"])}
