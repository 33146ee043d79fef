"""files.download: URLs of the bytes."""

from __future__ import annotations

from files_service.api.action import Params, ParamsSchema, action, file_id_field
from files_service.api.parameters import expires_field, flag, part_ids_field
from files_service.core import Core
from files_service.services.downloads import Addresses, download_addresses
from storage_adapters import JSON


class DownloadParams(ParamsSchema):
    """Parameters of files.download."""

    file_id = file_id_field()
    parts = part_ids_field()
    attachment = flag("Make the browser save the file under its name instead of showing it.")
    expires_seconds = expires_field(10_800)


@action("files.download", DownloadParams)
def download(params: Params, core: Core) -> JSON:
    """Return a URL for each part, in order: a direct one for a public file, a signed one otherwise."""
    found = download_addresses(
        core,
        params["file_id"],
        actor=params["actor"],
        part_ids=params["parts"],
        attachment=params["attachment"],
        expires_seconds=params["expires_seconds"],
    )
    return addresses_to_wire(found)


def addresses_to_wire(found: Addresses) -> JSON:
    """Return addresses as callers see them."""
    return {
        "file_id": found.record.file_id,
        "name": found.record.name,
        "parts": [part.part_id for part in found.parts],
        "urls": found.urls,
        "expires_at": found.expires_at,
    }
