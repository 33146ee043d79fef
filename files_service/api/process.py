"""files.process: verify an uploaded file and run the hooks."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.parameters import flag
from files_service.api.wire import to_wire
from files_service.core import Core
from files_service.services.files import changeable
from files_service.services.processing import run_processing
from storage_adapters import (
    JSON,
)


class ProcessParams(ParamsSchema):
    """Parameters of files.process."""

    file_id = file_id_field()
    force = flag("Also process a file that is processed or has failed too often.")


@action("files.process", ProcessParams)
def process(params: Params, core: Core) -> JSON:
    """Process an uploaded or failed file now; return a processed file as it is."""
    record = changeable(core, params["file_id"], params["actor"])
    with core.long_calls.take(record.owner):
        return to_wire(run_processing(core, record, force=params["force"]))
