"""files.access: set who may read files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from files_service.api.action import Params, ParamsSchema, action
from files_service.api.parameters import access_field, file_ids_field
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.errors import FilesError, storage_errors_as_files_errors
from files_service.services import editing
from storage_adapters import JSON, Access, FileRecord


class AccessParams(ParamsSchema):
    """Parameters of files.access."""

    file_ids = file_ids_field(required=True)
    access = access_field(required=True)


@action("files.access", AccessParams)
def set_access(params: Params, core: Core) -> JSON:
    """Set the access of files; each file succeeds or fails on its own."""
    return {"files": [access_result(core, each, params["access"], params["actor"]) for each in params["file_ids"]]}


def access_result(core: Core, file_id: str, access: Access, actor: str | None) -> JSON:
    """Set the access of one file of several and return its result."""
    return result_of(file_id, partial(editing.set_access, core, file_id, access, actor=actor), shown="access")


def result_of(file_id: str, act: Callable[[], FileRecord], *, shown: str) -> JSON:
    """Return the result for one file of several: the changed field, or the error of this file alone."""

    def changed() -> JSON:
        wire = to_wire(act())
        return {name: wire[name] for name in (shown, "revision", "change_token")}

    return outcome_of(file_id, changed)


def outcome_of(file_id: str, act: Callable[[], JSON]) -> JSON:
    """Return the result for one file of several, or the error of this file alone."""
    try:
        with storage_errors_as_files_errors():
            return {"file_id": file_id, "ok": True, **act()}
    except FilesError as error:
        return {"file_id": file_id, "ok": False, "error": error.to_wire()}
