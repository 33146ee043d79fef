"""files.data: chosen fields of one file."""

from __future__ import annotations

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, file_id_field, readable, to_wire
from files_service.core import Core
from files_service.errors import BadRequest
from storage_adapters import JSON


class DataParams(ParamsSchema):
    """Parameters of files.data."""

    file_id = file_id_field()
    chosen = fields.List(
        fields.String(validate=validate.Length(1, 50)),
        required=True,
        data_key="fields",
        validate=validate.Length(1, 50),
        metadata={"description": "Names of fields of the record; meta.x is one key of meta."},
    )


@action("files.data", DataParams)
def data(params: Params, core: Core) -> JSON:
    """Return chosen fields of a file."""
    record = to_wire(readable(core, params["file_id"], params["actor"]), params["actor"])
    return project(record, params["chosen"])


def project(record: JSON, names: list[str]) -> JSON:
    """Keep the named fields, and the id. Raises BadRequest for a field that no record has."""
    chosen: JSON = {"file_id": record["file_id"]}
    for name in names:
        top, _, key = name.partition(".")
        if top == "meta" and key:
            chosen.setdefault("meta", {})[key] = record["meta"].get(key)
        elif name in record:
            chosen[name] = record[name]
        elif name not in _HIDDEN_FROM_STRANGERS:
            raise BadRequest(f"fields: no record has {name}", {"fields": {"fields": [f"Not a field: {name}."]}})
    return chosen


_HIDDEN_FROM_STRANGERS = frozenset({"error", "grantees", "lease", "upload_expires_at"})
