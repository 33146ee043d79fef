"""files.access: set who may read files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from files_service.actions.base import Params, ParamsSchema, action, change, require_change, to_wire
from files_service.actions.parameters import access_field, file_ids_field
from files_service.core import Core
from files_service.errors import FilesError, storage_errors_as_files_errors
from storage_adapters import JSON, Access, FileRecord


class AccessParams(ParamsSchema):
    """Parameters of files.access."""

    file_ids = file_ids_field(required=True)
    access = access_field(required=True)


@action("files.access", AccessParams)
def set_access(params: Params, core: Core) -> JSON:
    """Set the access of files; each is changed wholly or not at all, and answered for by itself."""
    results = [access_of(core, file_id, params["access"], params["actor"]) for file_id in params["file_ids"]]
    return {"files": results}


def access_of(core: Core, file_id: str, access: Access, actor: str | None) -> JSON:
    """Set the access of one file and say how it went."""

    def decide(record: FileRecord) -> FileRecord:
        require_change(record, actor)
        return replace(record, access=access)

    return answered_by_itself(file_id, lambda: change(core, file_id, decide, event="access_changed"), shown="access")


def answered_by_itself(file_id: str, act: Callable[[], FileRecord], *, shown: str) -> JSON:
    """The answer for one file of several: what the change made of a field, or its error, which stops no other."""
    try:
        with storage_errors_as_files_errors():
            record = act()
    except FilesError as error:
        return {"file_id": file_id, "ok": False, "error": error.to_wire()}
    wire = to_wire(record)
    return {"file_id": file_id, "ok": True, **{name: wire[name] for name in (shown, "revision", "change_token")}}
