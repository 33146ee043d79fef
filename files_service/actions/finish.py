"""files.finish: a part's bytes are in the store; with the last part the file is uploaded."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    change,
    file_id_field,
    load_or_tombstone,
    require_change,
    text,
)
from files_service.actions.parameters import checksum_field, flag
from files_service.actions.process import run_processing
from files_service.core import Core
from files_service.domain.lifecycle import ProcessingSkipped, advance
from files_service.domain.uploads import find_part, mismatch, names_in_key, receive_part
from files_service.errors import Gone, NotFound, PartMismatch
from storage_adapters import JSON, BlobInfo, FileRecord, FileStatus, Part, Tombstone


class FinishParams(ParamsSchema):
    """Parameters of files.finish."""

    key = fields.String(validate=text(1, 1_024), metadata={"description": "Key of the blob, with bucket."})
    bucket = fields.String(validate=text(1, 255), metadata={"description": "Bucket of the blob, with key."})
    file_id = file_id_field(required=False)
    part_id = fields.String(validate=text(1, 40), metadata={"description": "The part, with file_id."})
    generation = fields.String(
        load_default=None,
        allow_none=True,
        validate=text(1, 40),
        metadata={"description": "As the notification has it."},
    )
    size = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0),
        metadata={"description": "As the notification has it."},
    )
    md5 = checksum_field(32)
    crc32c = checksum_field(8)
    skip_processing = flag("Trust the bytes: the file is processed without a look at them.")
    wait = flag("Answer after the file was processed.")

    @validates_schema
    def one_address(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Ask for key and bucket, or for file_id and part_id."""
        given = {name for name in ("key", "bucket", "file_id", "part_id") if name in data}
        if given not in ({"key", "bucket"}, {"file_id", "part_id"}):
            raise ValidationError("Give key and bucket, or file_id and part_id.", "key")


@action("files.finish", FinishParams)
def finish(params: Params, core: Core) -> JSON:
    """Mark a part as received; with the last one the file is uploaded."""
    record, part = _addressed_part(params, core)
    require_change(record, params["actor"])
    duplicate = part.received_at is not None
    info = core.blobs.head(part.key)
    _verify(part, info, params, core)
    record = change(core, record.file_id, lambda found: receive_part(found, part, info, now=core.clock()))
    if record.status is FileStatus.UPLOADED and params["skip_processing"]:
        record = change(core, record.file_id, lambda found: _skip_processing(found, core.clock()))
    if record.status is FileStatus.UPLOADED and params["wait"]:
        record = run_processing(core, record, force=False)
    return {
        "file_id": record.file_id,
        "status": record.status.value,
        "parts_received": len(record.parts) - len(record.missing_parts),
        "parts_total": len(record.parts),
        "duplicate": duplicate,
        "revision": record.revision,
        "change_token": record.change_token,
    }


def _addressed_part(params: Params, core: Core) -> tuple[FileRecord, Part]:
    names = names_in_key(params["key"]) if "key" in params else (params["file_id"], params["part_id"])
    if names is None:
        raise NotFound("no file has a part of this key", {"key": params["key"]})
    record = load_or_tombstone(core, names[0])
    if isinstance(record, Tombstone):
        raise Gone("the file was removed", {"file_id": record.file_id})
    part = find_part(record, names[1])
    wrong_place = part is not None and "key" in params and (part.key, part.bucket) != (params["key"], params["bucket"])
    if part is None or wrong_place:
        raise NotFound("the file has no such part", {"file_id": record.file_id, "part_id": names[1]})
    return record, part


def _verify(part: Part, info: BlobInfo, params: Params, core: Core) -> None:
    """Compare declaration, store and notification; bytes that are not the declared ones are thrown away.

    They must go, because a blob is written once: the right bytes could never take their place.
    """
    fault = mismatch(part, info)
    for name in ("generation", "size", "md5", "crc32c"):
        announced, actual = params[name], getattr(info, name)
        if fault is None and announced is not None and actual is not None and announced != actual:
            raise PartMismatch(f"{name} of the notification is not that of the blob", _details(name, announced, actual))
    if fault is not None:
        if part.received_at is None:
            core.blobs.delete(part.key)
        name, declared, actual = fault
        raise PartMismatch(f"{name} of the bytes is {actual}, declared {declared}", _details(name, declared, actual))


def _details(field: str, declared: object, actual: object) -> JSON:
    return {"field": field, "declared": declared, "actual": actual}


def _skip_processing(record: FileRecord, now: int) -> FileRecord:
    return advance(record, ProcessingSkipped(), now=now) if record.status is FileStatus.UPLOADED else record
