"""files.download: addresses of the bytes."""

from __future__ import annotations

from files_service.actions.base import (
    Params,
    ParamsSchema,
    action,
    bad_request,
    file_id_field,
    readable,
    require,
    require_finished,
)
from files_service.actions.parameters import expires_field, flag, part_ids_field
from files_service.core import Core
from files_service.domain.access import readable_without_signature
from files_service.domain.arrival import manifest_of
from files_service.domain.filenames import save_as
from files_service.domain.uploads import find_part
from files_service.errors import NotSupported
from storage_adapters import JSON, FileRecord, Part, SupportsPublicUrls, SupportsSignedUrls, VerifiesSignedUrls


class DownloadParams(ParamsSchema):
    """Parameters of files.download."""

    file_id = file_id_field()
    parts = part_ids_field()
    attachment = flag("The browser saves the file under its name instead of showing it.")
    expires_seconds = expires_field(10_800)


@action("files.download", DownloadParams)
def download(params: Params, core: Core) -> JSON:
    """Return an address for each part, in order: direct for a public file, signed otherwise."""
    record = readable(core, params["file_id"], params["actor"])
    require_finished(record)
    parts = _chosen(record, params["parts"])
    _require_addresses(core, record, parts)
    if readable_without_signature(record) and not params["attachment"] and isinstance(core.blobs, SupportsPublicUrls):
        expires_at, urls = None, [core.blobs.public_url(part.key) for part in parts]
    else:
        expires_at = core.clock() + params["expires_seconds"] * 1000
        names = [save_as(record, part) if params["attachment"] else None for part in parts]
        blobs = require(core.blobs, SupportsSignedUrls)
        signed = [
            blobs.sign("GET", part.key, expires_at=expires_at, filename=name)
            for part, name in zip(parts, names, strict=True)
        ]
        urls = [each.url for each in signed]
    return {
        "file_id": record.file_id,
        "name": record.name,
        "parts": [part.part_id for part in parts],
        "urls": urls,
        "expires_at": expires_at,
    }


def _require_addresses(core: Core, record: FileRecord, parts: list[Part]) -> None:
    """Refuse what has no address of its own: chunks in a store whose addresses are not served by our gateway."""
    if not isinstance(core.blobs, VerifiesSignedUrls) and any(manifest_of(part) for part in parts):
        address = f"{core.settings.public_url}/api/files/{record.file_id}/download"
        raise NotSupported(
            "the file came in chunks, and the configured store cannot sign an address for them: read it at `address`",
            {"capability": "VerifiesSignedUrls", "address": address},
        )


def _chosen(record: FileRecord, part_ids: list[str] | None) -> list[Part]:
    if part_ids is None:
        return list(record.parts)
    chosen = []
    for part_id in part_ids:
        part = find_part(record, part_id)
        if part is None:
            raise bad_request("parts", f"The file has no part {part_id}.")
        chosen.append(part)
    return chosen
