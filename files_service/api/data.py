"""files.data: chosen fields of one file."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.fields import several
from files_service.api.text import line
from files_service.api.wire import SECRET, to_wire
from files_service.core import Core
from files_service.services.files import readable
from storage_adapters import JSON, FileRecord, field_names

_META = "meta."
FIELD_NAMES = frozenset(field_names(FileRecord)) - SECRET | {"change_token"}


def field_names_field(**arguments: Any) -> fields.List[str]:
    """Make the field that selects record fields."""
    return several(
        fields.String(validate=[line(1, 200), _known]),
        "Names of record fields; meta.x selects one key of meta.",
        1,
        50,
        data_key="fields",
        **arguments,
    )


def _known(name: str) -> None:
    if name not in FIELD_NAMES and not (name.startswith(_META) and name != _META):
        raise ValidationError("Not a field of the record.")


class DataParams(ParamsSchema):
    """Parameters of files.data."""

    file_id = file_id_field()
    chosen = field_names_field(required=True)


@action("files.data", DataParams)
def data(params: Params, core: Core) -> JSON:
    """Return selected fields of a file."""
    record = to_wire(readable(core, params["file_id"], params["actor"]), params["actor"])
    return project(record, params["chosen"])


def project(record: JSON, names: list[str]) -> JSON:
    """Keep the id and the named fields, without those that the actor may not see."""
    chosen = {name: record[name] for name in ("file_id", *names) if name in record}
    keys = [name.removeprefix(_META) for name in names if name.startswith(_META)]
    if keys and "meta" not in chosen:
        chosen["meta"] = {key: record["meta"].get(key) for key in keys}
    return chosen
