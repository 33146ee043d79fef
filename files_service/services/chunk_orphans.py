"""Chunk objects that no upload and no manifest can name.

The key of a chunk has a hash of its owner, so the owners of chunks are remembered as documents: by the sweep, and by
the comparison of records. A chunk of an unknown owner is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from files_service.core import Core
from files_service.domain.chunking import manifest_of, names_in_chunk_key
from files_service.domain.uploads import owner_segment
from storage_adapters import (
    BlobInfo,
    Document,
    DocumentNotFound,
    ListQuery,
    RevisionConflict,
    Section,
    SupportsDocuments,
    SupportsUploads,
    UploadNotFound,
)

OWNERS = "chunk_owners"
LOOKED_AT = 200


def remember_owners(core: Core, owners: Iterable[str]) -> None:
    """Remember the owners of chunks, so that the scan can look up what names a chunk object."""
    store, now = core.metadata, core.clock()
    for owner in sorted(set(owners)):
        if isinstance(store, SupportsDocuments) and owner_of(core, owner_segment(owner)) is None:
            document = Document(
                collection=OWNERS, document_id=owner_segment(owner), body={"owner": owner}, updated_at=now
            )
            try:
                store.put_document(document, expected_revision=0)
            except RevisionConflict:
                continue


def owner_of(core: Core, segment: str) -> str | None:
    """Return the owner whose keys begin with a segment, None when it is not known."""
    store = core.metadata
    if not isinstance(store, SupportsDocuments):
        return None
    try:
        return str(store.get_document(OWNERS, segment, now=core.clock()).body["owner"])
    except DocumentNotFound:
        return None


def orphans_among(core: Core, chunks: Sequence[BlobInfo]) -> tuple[list[BlobInfo], list[BlobInfo]]:
    """Return the chunk objects that nothing can name any more, and those that cannot be judged."""
    by_segment: dict[str, list[BlobInfo]] = defaultdict(list)
    orphans: list[BlobInfo] = []
    unknown: list[BlobInfo] = []
    for info in chunks:
        by_segment[info.key.partition("/")[0]].append(info)
    for segment, found in by_segment.items():
        owner = owner_of(core, segment)
        # Without its hash, a cut chunk cannot be looked up; the comparison of records finds it.
        judged = [info for info in found if owner is not None and info.sha256 is not None]
        unknown += [info for info in found if owner is None]
        unnamed = _unnamed(core, owner, judged) if owner is not None else []
        if unnamed and owner is not None and not _keeps_uploads_of(core, owner):
            unknown += unnamed
        else:
            orphans += unnamed
    return orphans, unknown


def _unnamed(core: Core, owner: str, chunks: Sequence[BlobInfo]) -> list[BlobInfo]:
    """Return the chunks whose token the store does not know; it never makes a token twice."""
    uploads = core.metadata
    assert isinstance(uploads, SupportsUploads)
    tokens = uploads.chunk_tokens(owner, [info.sha256 or "" for info in chunks])
    return [info for info, token in zip(chunks, tokens, strict=True) if _token_of(info) not in (None, token)]


def _token_of(info: BlobInfo) -> str | None:
    names = names_in_chunk_key(info.key)
    return names[2] if names is not None and (info.sha256 or "").startswith(names[1]) else None


def _keeps_uploads_of(core: Core, owner: str) -> bool:
    """Return False when the store lacks the manifest of a file: it is a copy, and its original names the chunks."""
    uploads = core.metadata
    assert isinstance(uploads, SupportsUploads)
    query = ListQuery(owner=owner, order_by="created_at", descending=False, limit=LOOKED_AT)
    pages = [core.metadata.find(replace(query, section=section)) for section in Section]
    parts = [part for page in pages for record in page.records for part in record.stored_parts]
    for upload_id in filter(None, map(manifest_of, parts)):
        try:
            uploads.get_upload(upload_id)
        except UploadNotFound:
            return False
    return True
