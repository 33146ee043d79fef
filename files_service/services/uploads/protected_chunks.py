"""Garbage chunks whose bytes a retention or a hold protects, or which alone cannot be deleted.

The store of uploads returns garbage in no order of time, so protected chunks would come back in each batch before all
others. They are documents, in the order of their next attempt, and the store forgets them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace

from files_service.core import Core
from files_service.domain.chunking import chunk_key
from files_service.services.accounts import documents
from files_service.services.cleaning import require_alone
from storage_adapters import DocumentQuery, GarbageChunk, RevisionConflict, StorageUnavailable, SupportsDocuments

COLLECTION = "protected_chunks"
BATCH = 100


def delete_bytes(core: Core, chunk: GarbageChunk) -> bool:
    """Delete the bytes of a garbage chunk; return False when they stay. Raises StorageUnavailable in an outage."""
    try:
        core.blobs.delete(chunk_key(chunk.domain, chunk.object_id, chunk.token))
    except StorageUnavailable as error:
        require_alone(core, error)
        return False
    return True


def put_off(core: Core, chunks: Iterable[GarbageChunk]) -> None:
    """Remember protected chunks for a later sweep. Idempotent."""
    for chunk in chunks:
        document = documents.new_document(COLLECTION, chunk.token, asdict(chunk), order=_next_order(core))
        # An earlier sweep died before the store forgot the chunk.
        with suppress(RevisionConflict):
            documents.put(core, document)


def retry(core: Core) -> int:
    """Delete a bounded number of protected chunks whose time has come; return how many are gone.

    Those that are still protected do not count: they are due again at the next sweep, however long this one takes.
    """
    if not isinstance(core.metadata, SupportsDocuments):
        return 0
    query = DocumentQuery(collection=COLLECTION, end=_order(core.clock() + 1), limit=BATCH)
    gone = 0
    for document in core.metadata.find_documents(query, now=core.clock()).documents:
        if delete_bytes(core, GarbageChunk(**document.body)):
            documents.delete(core, document)
            gone += 1
        else:
            with suppress(RevisionConflict):
                documents.put(core, replace(document, order=_next_order(core)))
    return gone


def _next_order(core: Core) -> str:
    return _order(core.clock() + core.settings.sweep_interval_seconds * 1000)


def _order(at: int) -> str:
    return f"{at:015}"
