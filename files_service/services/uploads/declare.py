"""Declarations of files, and upload addresses of their parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from files_service.core import Core
from files_service.domain.editing import merge_meta, normalise_tags
from files_service.domain.uploads import declared_parts, prolong, with_urls
from files_service.errors import Conflict, TooLarge
from files_service.services.content_types import require_allowed, require_allowed_changes
from files_service.services.files import change, load, require, require_finished, require_mutable
from files_service.services.free_paths import OnConflict
from files_service.services.uploads.creation import save_if_room
from files_service.services.versions.history import require_label_fits
from storage_adapters import (
    Access,
    BlobExists,
    FileRecord,
    FileStatus,
    Part,
    RecordNotFound,
    SignedUrl,
    StartsUploads,
    SupportsSignedUrls,
)

# Each start is a round trip to the store.
_STARTED_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """Declaration of a file, with valid values. Each part has type, content_type, size and checksums."""

    owner: str
    name: str
    parts: Sequence[Mapping[str, Any]]
    access: Access = Access.PRIVATE
    tags: Sequence[str] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    alias: str | None = None
    temporary: bool = False
    ttl_seconds: int = 86_400
    expires_seconds: int = 900
    request_id: str | None = None
    post_action: Mapping[str, Any] | None = None
    path: str | None = None
    on_conflict: OnConflict = OnConflict.RENAME
    version_of: str | None = None
    author: str | None = None
    label: str | None = None


def declare(core: Core, declaration: Declaration, *, resumable: bool, now: int) -> FileRecord:
    """Save a pending file, or return the file that an earlier call with the same request id created.

    Raises TooLarge, UnsupportedType, InsufficientStorage, AliasTaken, PathTaken, Conflict.
    """
    check_limits(declaration, core)
    until = now + declaration.expires_seconds * 1000
    urls_until = until
    if resumable and isinstance(core.blobs, StartsUploads):
        # A session of the store cannot be revoked, and outlives the upload.
        urls_until = now + core.blobs.upload_seconds * 1000

    def prolonged(record: FileRecord) -> FileRecord:
        return with_urls(prolong(record, until), urls_until, now=now)

    draft = prolonged(pending_record(declaration, core, now))
    record = save_if_room(draft, core, declaration.on_conflict)
    # A repeated call. No address may outlive the upload, because later bytes would belong to no file.
    return change(core, record.file_id, prolonged, loaded=record)


def pending_record(declaration: Declaration, core: Core, now: int, *, file_id: str | None = None) -> FileRecord:
    """Make the record of a declaration without saving it. Raises what ``for_version`` raises."""
    if declaration.version_of is not None:
        declaration = for_version(core, declaration, declaration.version_of)
    file_id = file_id or core.new_id()
    parts = declared_parts(declaration.owner, file_id, core.blobs.bucket, declaration.parts)
    life = max(core.settings.upload_ttl_seconds, declaration.expires_seconds)
    return FileRecord(
        file_id=file_id,
        owner=declaration.owner,
        name=declaration.name,
        created_at=now,
        parts=parts,
        size=sum(part.size for part in parts),
        content_type=parts[0].content_type,
        access=declaration.access,
        alias=declaration.alias,
        tags=normalise_tags(declaration.tags),
        meta=merge_meta({}, declaration.meta),
        temporary=declaration.temporary,
        expires_at=now + declaration.ttl_seconds * 1000 if declaration.temporary else None,
        upload_expires_at=now + life * 1000,
        urls_expire_at=0,
        request_id=declaration.request_id,
        post_action=declaration.post_action,
        path=declaration.path,
        version_of=declaration.version_of,
        version_author=declaration.author,
        version_label=declaration.label,
    )


def for_version(core: Core, declaration: Declaration, file_id: str) -> Declaration:
    """Return the declaration of the next version of a file of the same owner: a private one of the same name.

    Raises RecordNotFound, also for a file of another owner, WrongStatus, Immutable, Conflict.
    """
    file = load(core, file_id, declaration.owner)
    if file.owner != declaration.owner or file.version_of is not None:
        raise RecordNotFound(f"no file {file_id}")
    require_finished(file)
    require_mutable(file)
    if file.trashed_at is not None:
        raise Conflict("the file is in the trash", {"file_id": file_id})
    if declaration.label is not None:
        require_label_fits(core, file)
    return replace(declaration, name=file.name)


def check_limits(declaration: Declaration, core: Core, *, listed: bool = True) -> None:
    """Raise TooLarge or UnsupportedType when the settings do not allow the declared parts.

    Without ``listed`` fields have the names of the doors: these know one part, and no list.
    """
    settings = core.settings
    for index, part in enumerate(declaration.parts):
        prefix, what = (f"parts.{index}.", "part") if listed else ("", "file")
        if part["size"] > settings.max_part_bytes:
            details = {"field": f"{prefix}size", "limit": settings.max_part_bytes}
            raise TooLarge(f"the {what} is too large", details)
        require_allowed(part["content_type"], f"{prefix}content_type", core)
    if sum(part["size"] for part in declaration.parts) > settings.max_file_bytes:
        details = {"field": "parts" if listed else "size", "limit": settings.max_file_bytes}
        raise TooLarge("the file is too large", details)
    if declaration.post_action is not None:
        require_allowed_changes(declaration.post_action["update"], "post_action.update", core)


def upload_addresses(
    core: Core, record: FileRecord, *, resumable: bool, origin: str | None, expires_seconds: int, now: int
) -> dict[str, SignedUrl]:
    """Return upload addresses by part id for the missing parts. Raises NotSupported."""
    blobs = require(core.blobs, SupportsSignedUrls)
    missing = record.missing_parts if record.status is FileStatus.PENDING else ()
    if resumable and isinstance(blobs, StartsUploads):
        start = partial(_started, record, blobs, origin=origin, now=now)
        with ThreadPoolExecutor(_STARTED_AT_ONCE) as pool:
            started = list(pool.map(start, missing))
        return {part.part_id: each for part, each in zip(missing, started, strict=True) if each is not None}
    until = now + expires_seconds * 1000
    return {part.part_id: _signed(part, blobs, until) for part in missing}


def _signed(part: Part, blobs: SupportsSignedUrls, until: int) -> SignedUrl:
    return blobs.sign("PUT", part.key, expires_at=until, content_type=part.content_type, size=part.size)


def _started(record: FileRecord, blobs: StartsUploads, part: Part, *, origin: str | None, now: int) -> SignedUrl | None:
    """Start a resumable upload that expires with the record's upload; return None when the bytes exist."""
    checksums = {"md5": part.md5, "crc32c": part.crc32c}
    try:
        started = blobs.start_upload(
            part.key, content_type=part.content_type, size=part.size, now=now, checksums=checksums, origin=origin
        )
    except BlobExists:
        return None
    return replace(started, expires_at=min(started.expires_at, record.upload_expires_at or started.expires_at))
