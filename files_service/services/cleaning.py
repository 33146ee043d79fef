"""Deletion of the blobs of removed files: early, and when the time of their tombstones has come."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from files_service.core import Core
from files_service.errors import NotSupported
from files_service.services import content
from files_service.services.files import load_or_tombstone
from files_service.services.outages import require_stores
from files_service.services.quarantine import release_file
from storage_adapters import RecordNotFound, StorageDenied, StorageError, StorageUnavailable, Tombstone

logger = logging.getLogger(__name__)


def delete_blobs(core: Core, tombstones: Sequence[Tombstone], *, singly_after: type[StorageError]) -> bool:
    """Delete all blobs in one request; return False after this error, to delete them one by one, else True."""
    parts = [part for each in tombstones for part in each.parts if part.bucket == core.blobs.bucket]
    try:
        core.blobs.delete_many([part.key for part in parts], generations={part.key: part.generation for part in parts})
    except singly_after:
        return False
    return True


def require_alone(core: Core, error: StorageUnavailable) -> None:
    """Return when only these bytes cannot be deleted, which must keep no others back. Raises in an outage."""
    if not isinstance(error, StorageDenied):
        core.blobs.ping()


def clean(core: Core, tombstone: Tombstone, *, deleted: bool) -> None:
    """Delete the uploads of a tombstone, and its blobs unless they are ``deleted``; if it is due, its list of blobs.

    Raises NotSupported for blobs of another bucket, which stay.
    """
    foreign = None
    for part in tombstone.parts:
        if part.bucket != core.blobs.bucket:
            foreign = part.bucket
            continue
        content.end_parts(core, part)
        if deleted:
            content.forget_chunks(core, part)
        else:
            content.delete(core, part)
    if foreign is not None:
        raise NotSupported(f"bucket {foreign} is not the configured one", {"bucket": foreign})
    release_file(core, tombstone.file_id, tombstone.owner)
    if tombstone.clean_after <= core.clock():
        core.metadata.mark_clean(tombstone.file_id)


def clean_early(core: Core, file_ids: Sequence[str]) -> list[str]:
    """Delete the blobs of these tombstones; return the files of which some alone cannot be deleted now.

    Bytes that the store protects by a policy, and those of other buckets, are left to the sweep of tombstones. Raises
    StorageUnavailable in an outage.
    """
    tombstones = [found for file_id in file_ids if (found := _tombstone(core, file_id)) is not None]
    deleted, left = delete_blobs(core, tombstones, singly_after=StorageError), []
    for tombstone in tombstones:
        try:
            clean(core, tombstone, deleted=deleted)
        except (NotSupported, StorageError) as error:
            if isinstance(error, StorageUnavailable) and not isinstance(error, StorageDenied):
                require_stores(core)
                left.append(tombstone.file_id)
            logger.info("blobs left for later", extra={"file_id": tombstone.file_id, "error": str(error)})
    return left


def _tombstone(core: Core, file_id: str) -> Tombstone | None:
    try:
        found = load_or_tombstone(core, file_id)
    except RecordNotFound:
        return None
    return found if isinstance(found, Tombstone) else None
