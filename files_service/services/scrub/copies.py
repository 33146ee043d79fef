"""Repair of bad copies of a blob from a good one, where the blob store keeps several."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from files_service.core import Core
from files_service.services.scrub.reading import Reading, Reason, describe
from storage_adapters import BlobCopy, BlobInfo, BlobStore, StorageUnavailable, SupportsCopyRepair

logger = logging.getLogger(__name__)


def mend_copies(core: Core, key: str, checksum: str, expected: str) -> Iterator[int]:
    """Examine all copies of a blob and make the bad ones anew; yield the length of each piece that is read.

    Does nothing where blobs are stored once, and where no copy is good. A copy whose store does not answer is left
    for the next scrub.
    """
    if not isinstance(core.blobs, SupportsCopyRepair):
        return
    good: list[BlobCopy] = []
    bad: list[BlobCopy] = []
    for copy in core.blobs.copies():
        try:
            reading = Reading(copy.store, key, checksum)
            yield from reading.pieces()
            # The bytes of a blob may be read without its description.
            is_good = reading.digest == expected and isinstance(describe(copy.store, key), BlobInfo)
        except StorageUnavailable as error:
            logger.warning("a copy was not examined: %s", error, extra={"key": key, "domain": copy.domain})
        else:
            (good if is_good else bad).append(copy)
    if good and bad:
        for copy in bad:
            remove_bad(copy.store, key)
        made = core.blobs.restore(key)
        domains = [copy.domain for copy in bad]
        logger.warning("bad copies were made anew", extra={"key": key, "domains": domains, "copies": made})


def remove_bad(blobs: BlobStore, key: str) -> None:
    """Delete the blob of a key to make room for good bytes; whichever it is where the disk cannot describe it."""
    found = describe(blobs, key)
    if isinstance(found, BlobInfo):
        blobs.delete(key, generation=found.generation)
    elif found is Reason.UNREADABLE:
        blobs.delete(key)
