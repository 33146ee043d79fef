"""Early deletion of the blobs of removed files, in batches."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from files_service.core import Core
from files_service.services import content
from files_service.services.files import load_or_tombstone
from files_service.services.quarantine import release_file
from storage_adapters import RecordNotFound, StorageDenied, StorageError, StorageUnavailable, Tombstone

logger = logging.getLogger(__name__)


def clean_early(core: Core, file_ids: Sequence[str]) -> None:
    """Delete the blobs of these tombstones. Raises StorageUnavailable when a repetition may delete what is left.

    Bytes that the store protects by a policy, and those of other buckets, are left to the sweep of tombstones.
    """
    tombstones = [found for file_id in file_ids if (found := _tombstone(core, file_id)) is not None]
    parts = [part for each in tombstones for part in each.parts if part.bucket == core.blobs.bucket]
    try:
        core.blobs.delete_many([part.key for part in parts], generations={part.key: part.generation for part in parts})
    except StorageDenied:
        _clean_singly(core, tombstones)
        return
    for tombstone in tombstones:
        _forget(core, tombstone)


def _clean_singly(core: Core, tombstones: Sequence[Tombstone]) -> None:
    """Delete what the policy of the store does not protect."""
    for tombstone in tombstones:
        try:
            for part in tombstone.parts:
                if part.bucket == core.blobs.bucket:
                    core.blobs.delete(part.key)
            _forget(core, tombstone)
        except StorageDenied as error:
            logger.info("blobs left for the sweep", extra={"file_id": tombstone.file_id, "error": str(error)})


def _forget(core: Core, tombstone: Tombstone) -> None:
    """Delete the uploads of a tombstone whose blobs are deleted, and its list of blobs if its time has come."""
    ours = [part for part in tombstone.parts if part.bucket == core.blobs.bucket]
    try:
        for part in ours:
            content.forget_chunks(core, part)
        if len(ours) == len(tombstone.parts):
            release_file(core, tombstone.file_id, tombstone.owner)
        if ours and len(ours) == len(tombstone.parts) and tombstone.clean_after <= core.clock():
            core.metadata.mark_clean(tombstone.file_id)
    except StorageUnavailable:
        raise
    except StorageError as error:
        logger.info("blobs left for the sweep", extra={"file_id": tombstone.file_id, "error": str(error)})


def _tombstone(core: Core, file_id: str) -> Tombstone | None:
    try:
        found = load_or_tombstone(core, file_id)
    except RecordNotFound:
        return None
    return found if isinstance(found, Tombstone) else None
