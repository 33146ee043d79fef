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
    require_acts_for,
)
from files_service.actions.parameters import MAX_INTEGER, checksum_field, flag
from files_service.actions.process import run_processing
from files_service.actions.text import line
from files_service.chunks import content
from files_service.core import Core
from files_service.domain.lifecycle import ProcessingSkipped, advance
from files_service.domain.uploads import find_part, mismatch, names_in_key, part_with_key, receive_part
from files_service.errors import Busy, Forbidden, Gone, NotFound, PartMismatch
from storage_adapters import JSON, BlobInfo, FileRecord, FileStatus, Part, Tombstone

_POLL_SECONDS = 0.05


class FinishParams(ParamsSchema):
    """Parameters of files.finish."""

    key = fields.String(validate=line(1, 1_024), metadata={"description": "Key of the blob, with bucket."})
    bucket = fields.String(validate=line(1, 255), metadata={"description": "Bucket of the blob, with key."})
    file_id = file_id_field(required=False)
    part_id = fields.String(validate=line(1, 40), metadata={"description": "The part, with file_id."})
    generation = fields.String(
        load_default=None,
        allow_none=True,
        validate=line(1, 40),
        metadata={"description": "As the notification has it."},
    )
    size = fields.Integer(
        strict=True,
        load_default=None,
        allow_none=True,
        validate=validate.Range(0, MAX_INTEGER),
        metadata={"description": "As the notification has it."},
    )
    md5 = checksum_field(32)
    crc32c = checksum_field(8)
    skip_processing = flag("The system vouches for the bytes: processed without a look at them.")
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
    if params["skip_processing"] and params["actor"] is not None:
        raise Forbidden("only the system may vouch for bytes: leave skip_processing out", {"field": "skip_processing"})
    record, part = _addressed_part(params, core)
    info = content.head(core, part)
    _verify(part, info, params, core)
    received = Receive(part, info, core)
    record = change(core, record.file_id, received)
    if params["skip_processing"]:
        record = change(core, record.file_id, lambda found: _skip_processing(found, core.clock()))
    if params["wait"]:
        record = _wait(record, core)
    return {
        "file_id": record.file_id,
        "status": record.status.value,
        "parts_received": len(record.parts) - len(record.missing_parts),
        "parts_total": len(record.parts),
        "duplicate": received.duplicate,
        "revision": record.revision,
        "change_token": record.change_token,
    }


class Receive:
    """Decides to mark the part as received; ``duplicate`` tells of the last decision whether it was already."""

    def __init__(self, part: Part, info: BlobInfo, core: Core) -> None:
        self._part, self._info, self._now = part, info, core.clock()
        self.duplicate = False

    def __call__(self, record: FileRecord) -> FileRecord:
        """Decide."""
        self.duplicate = self._part not in record.missing_parts
        return receive_part(record, self._part, self._info, now=self._now)


def _addressed_part(params: Params, core: Core) -> tuple[FileRecord, Part]:
    names = names_in_key(params["key"]) if "key" in params else (params["file_id"], params["part_id"])
    if names is None:
        raise NotFound("no file has a part of this key", {"key": params["key"]})
    record = load_or_tombstone(core, names[0])
    require_acts_for(record.owner, params["actor"])
    if isinstance(record, Tombstone):
        raise Gone("the file was removed", {"file_id": record.file_id})
    part = part_with_key(record, params["key"], params["bucket"]) if "key" in params else find_part(record, names[1])
    if part is None:
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
            discard(part, info, core)
        name, declared, actual = fault
        raise PartMismatch(f"{name} of the bytes is {actual}, declared {declared}", _details(name, declared, actual))


def discard(part: Part, info: BlobInfo, core: Core) -> None:
    """Delete the very bytes that were looked at: who found the fault first may have made room for the right ones."""
    content.delete_generation(core, part, info.generation)


def _details(field: str, declared: object, actual: object) -> JSON:
    return {"field": field, "declared": declared, "actual": actual}


def _skip_processing(record: FileRecord, now: int) -> FileRecord:
    return advance(record, ProcessingSkipped(), now=now) if record.status is FileStatus.UPLOADED else record


def _wait(record: FileRecord, core: Core) -> FileRecord:
    """Process the file, or wait for the worker that does, while an answer can still reach the caller in time."""
    deadline = core.clock() + core.settings.rpc_timeout_seconds * 1000 // 2
    while record.status in (FileStatus.UPLOADED, FileStatus.PROCESSING) and core.clock() < deadline:
        try:
            record = run_processing(core, record, force=False)
        except Busy:
            if core.stopping.wait(_POLL_SECONDS):
                break
            record = core.metadata.get(record.file_id)
    return record
