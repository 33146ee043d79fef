"""files.finish: mark a part as received; the last part completes the upload."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, validates_schema

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.fields import OPTIONAL, integer, string
from files_service.api.parameters import checksum_field, flag
from files_service.api.text import line
from files_service.core import Core
from files_service.domain.chunking import file_id_of_upload
from files_service.services.parts import FinishedPart, PartAddress, finish_part
from storage_adapters import JSON, Upload

_ADDRESS = ("key", "bucket", "file_id", "part_id")


class FinishParams(ParamsSchema):
    """Parameters of files.finish."""

    key = string("Key of the blob, with bucket.", line(1, 1_024))
    bucket = string("Bucket of the blob, with key.", line(1, 255))
    file_id = file_id_field(required=False)
    part_id = string("The part, with file_id.", line(1, 40))
    generation = string("Generation that the notification reports.", line(1, 40), **OPTIONAL)
    size = integer("Size that the notification reports.", **OPTIONAL)
    md5 = checksum_field(32)
    crc32c = checksum_field(8)
    skip_processing = flag("Skip verification: the trusted system vouches for the bytes.")
    wait = flag("Respond after the file has been processed.")

    @validates_schema
    def one_address(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Require key and bucket, or file_id and part_id."""
        given = {name for name in _ADDRESS if name in data}
        if given not in ({"key", "bucket"}, {"file_id", "part_id"}):
            raise ValidationError("Give key and bucket, or file_id and part_id.", "key")


@action("files.finish", FinishParams)
def finish(params: Params, core: Core) -> JSON:
    """Mark a part as received; the last part completes the upload."""
    address = PartAddress(**{name: params[name] for name in _ADDRESS if name in params})
    finished = finish_part(
        core,
        address,
        actor=params["actor"],
        announced={name: params[name] for name in ("generation", "size", "md5", "crc32c")},
        skip_processing=params["skip_processing"],
        wait=params["wait"],
    )
    return finish_result(finished)


def finish_result(finished: FinishedPart) -> JSON:
    """Return the result of files.finish."""
    record = finished.record
    return {
        "file_id": record.file_id,
        "status": record.status.value,
        "parts_received": len(record.parts) - len(record.missing_parts),
        "parts_total": len(record.parts),
        "duplicate": finished.duplicate,
        "revision": record.revision,
        "change_token": record.change_token,
    }


def done(upload: Upload, finished: FinishedPart | None) -> JSON:
    """Return the answer to the finish of an upload; a partial upload has no file."""
    result: JSON = {"file_id": file_id_of_upload(upload.upload_id), "upload_id": upload.upload_id}
    return {**result, **finish_result(finished)} if finished is not None else result
