"""files.download: addresses of the bytes."""

from __future__ import annotations

from pathlib import PurePosixPath

from marshmallow import fields, validate

from files_service.actions.base import Params, ParamsSchema, action, file_id_field, readable, require
from files_service.actions.parameters import expires_field, flag
from files_service.core import Core
from files_service.domain.access import readable_without_signature
from files_service.domain.editing import is_finished
from files_service.domain.uploads import find_part
from files_service.errors import BadRequest, WrongStatus
from storage_adapters import JSON, FileRecord, Part, SupportsPublicUrls, SupportsSignedUrls


class DownloadParams(ParamsSchema):
    """Parameters of files.download."""

    file_id = file_id_field()
    parts = fields.List(
        fields.String(validate=validate.Length(1, 40)),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, 100),
        metadata={"description": "Ids of the parts wanted; absent: all."},
    )
    attachment = flag("The browser saves the file under its name instead of showing it.")
    expires_seconds = expires_field(10_800)


@action("files.download", DownloadParams)
def download(params: Params, core: Core) -> JSON:
    """Return an address for each part, in order: direct for a public file, signed otherwise."""
    record = readable(core, params["file_id"], params["actor"])
    if not is_finished(record):
        raise WrongStatus(f"the file is {record.status.value}", {"status": record.status.value})
    parts = _chosen(record, params["parts"])
    direct = readable_without_signature(record) and not params["attachment"]
    expires_at = None if direct else core.clock() + params["expires_seconds"] * 1000
    return {
        "file_id": record.file_id,
        "name": record.name,
        "parts": [part.part_id for part in parts],
        "urls": [_address(core, record, part, expires_at, attachment=params["attachment"]) for part in parts],
        "expires_at": expires_at,
    }


def _chosen(record: FileRecord, part_ids: list[str] | None) -> list[Part]:
    if part_ids is None:
        return list(record.parts)
    chosen = []
    for part_id in part_ids:
        part = find_part(record, part_id)
        if part is None:
            message = f"the file has no part {part_id}"
            raise BadRequest(f"parts: {message}", {"fields": {"parts": [message]}})
        chosen.append(part)
    return chosen


def _address(core: Core, record: FileRecord, part: Part, expires_at: int | None, *, attachment: bool) -> str:
    if expires_at is None and isinstance(core.blobs, SupportsPublicUrls):
        return core.blobs.public_url(part.key)
    signed = require(core.blobs, SupportsSignedUrls).sign(
        "GET",
        part.key,
        expires_at=expires_at or core.clock() + 10_800_000,
        filename=_filename(record, part) if attachment else None,
    )
    return signed.url


def _filename(record: FileRecord, part: Part) -> str:
    """The name to save a part under; parts after the first carry their id before the suffix."""
    if part is record.parts[0]:
        return record.name
    path = PurePosixPath(record.name.replace("/", "_"))
    return f"{path.stem}-{part.part_id}{path.suffix}"
