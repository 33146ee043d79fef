"""Download addresses: direct for public files, signed otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.access import STRANGER_URL_SECONDS, may_change, readable_without_signature
from files_service.domain.chunking import manifest_of
from files_service.domain.derived import find_readable
from files_service.domain.filenames import save_as
from files_service.domain.versions import as_content
from files_service.errors import NotSupported, bad_request
from files_service.services.files import readable, require, require_change, require_finished, require_not_trashed
from files_service.services.scrub.marks import require_kept
from files_service.services.versions.history import require_version
from storage_adapters import FileRecord, NoAddress, Part, SupportsPublicUrls, SupportsSignedUrls, VerifiesSignedUrls


@dataclass(frozen=True, slots=True)
class Addresses:
    """A file, the requested parts, and their URLs in the same order; ``expires_at`` is None for public URLs."""

    record: FileRecord
    parts: list[Part]
    urls: list[str]
    expires_at: int | None


def download_addresses(
    core: Core,
    file_id: str,
    *,
    actor: str | None,
    part_ids: Sequence[str] | None,
    attachment: bool,
    expires_seconds: int,
    version_id: str | None = None,
) -> Addresses:
    """Return addresses of the bytes of a finished file, or of one of its versions, which only the owner may read.

    Raises NotFound, Forbidden, WrongStatus, BadRequest, NotSupported, and BytesLost for a part that is marked as lost.
    """
    record = readable(core, file_id, actor)
    require_not_trashed(record)
    if version_id is not None:
        require_change(record, actor)
        record = as_content(record, require_version(record, version_id))
    else:
        require_finished(record)
    parts = _chosen(record, part_ids)
    for part in parts:
        require_kept(record, part)
    _require_addresses(core, record, parts)
    public = readable_without_signature(record) and version_id is None
    if public and not attachment and isinstance(core.blobs, SupportsPublicUrls):
        return Addresses(record, parts, [core.blobs.public_url(part.key) for part in parts], None)
    if not may_change(record, actor):
        expires_seconds = min(expires_seconds, STRANGER_URL_SECONDS)
    expires_at = core.clock() + expires_seconds * 1000
    blobs = require(core.blobs, SupportsSignedUrls)
    urls = []
    for part in parts:
        name = save_as(record, part) if attachment else None
        try:
            signed = blobs.sign("GET", part.key, expires_at=expires_at, filename=name, epoch=record.access_epoch)
        except NoAddress:
            raise _at_gateway(core, record, "the bytes are encrypted, and the bucket cannot decrypt them") from None
        urls.append(signed.url)
    return Addresses(record, parts, urls, expires_at)


def _require_addresses(core: Core, record: FileRecord, parts: list[Part]) -> None:
    """Raise NotSupported for chunks in a store whose URLs the gateway does not serve."""
    if not isinstance(core.blobs, VerifiesSignedUrls) and any(manifest_of(part) for part in parts):
        raise _at_gateway(core, record, "the file came in chunks, and the configured store cannot sign an address")


def _at_gateway(core: Core, record: FileRecord, reason: str) -> NotSupported:
    address = f"{core.settings.public_url}/api/files/{record.file_id}/download"
    details = {"capability": "VerifiesSignedUrls", "address": address}
    return NotSupported(f"{reason}: read it at `address`", details)


def _chosen(record: FileRecord, part_ids: Sequence[str] | None) -> list[Part]:
    if part_ids is None:
        return list(record.parts)
    chosen = []
    for part_id in part_ids:
        part = find_readable(record, part_id)
        if part is None:
            raise bad_request("parts", f"The file has no part {part_id}.")
        chosen.append(part)
    return chosen
