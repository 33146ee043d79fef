"""Chunk objects that no upload and no manifest can name.

The key of a chunk has a hash of its domain, so the domains of chunks are remembered as documents: by the sweep, and by
the comparison of records. A chunk of an unknown domain is left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from files_service.core import Core
from files_service.domain.chunking import is_passing, is_shared, manifest_of, names_in_chunk_key
from files_service.domain.uploads import owner_segment
from files_service.services.content import sealed_upload
from files_service.services.files import load_owning
from storage_adapters import (
    BlobInfo,
    Document,
    DocumentNotFound,
    FileRecord,
    ListQuery,
    RecordNotFound,
    RevisionConflict,
    Section,
    SupportsDocuments,
    SupportsUploads,
    UploadNotFound,
)

OWNERS = "chunk_owners"
LOOKED_AT = 200


def remember_domain(core: Core, domain: str, witness: str = "") -> None:
    """Remember a domain of chunks, so that the scan can look up what names a chunk object.

    ``witness`` is a file whose manifest is of that domain.
    """
    store, segment = core.metadata, owner_segment(domain)
    if not isinstance(store, SupportsDocuments):
        return
    known = _known(core, segment)
    fresh = Document(collection=OWNERS, document_id=segment, body={"owner": domain}, updated_at=core.clock())
    document = known or fresh
    if witness and is_shared(domain):
        document = replace(document, body={**document.body, "witness": witness})
    if document != known:
        with suppress(RevisionConflict):
            store.put_document(document, expected_revision=document.revision)


def domain_of(core: Core, segment: str) -> str | None:
    """Return the domain whose keys begin with a segment, None when it is not known."""
    found = _known(core, segment)
    return None if found is None else str(found.body["owner"])


def _known(core: Core, segment: str) -> Document | None:
    store = core.metadata
    if not isinstance(store, SupportsDocuments):
        return None
    try:
        return store.get_document(OWNERS, segment, now=core.clock())
    except DocumentNotFound:
        return None


def orphans_among(core: Core, chunks: Sequence[BlobInfo]) -> tuple[list[BlobInfo], list[BlobInfo]]:
    """Return the chunk objects that nothing can name any more, and those that cannot be judged."""
    by_segment: dict[str, list[BlobInfo]] = defaultdict(list)
    orphans: list[BlobInfo] = []
    unknown: list[BlobInfo] = []
    for info in chunks:
        (orphans if is_passing(info.key) else by_segment[info.key.partition("/")[0]]).append(info)
    for segment, found in by_segment.items():
        domain = domain_of(core, segment)
        # Without its hash, a cut chunk cannot be looked up; the comparison of records finds it.
        judged = [info for info in found if domain is not None and info.sha256 is not None]
        unknown += [info for info in found if domain is None]
        unnamed = _unnamed(core, domain, judged) if domain is not None else []
        if unnamed and domain is not None and not _keeps_uploads_of(core, domain):
            unknown += unnamed
        else:
            orphans += unnamed
    return orphans, unknown


def _unnamed(core: Core, domain: str, chunks: Sequence[BlobInfo]) -> list[BlobInfo]:
    """Return the chunks whose token the store does not know; it never makes a token twice."""
    uploads = core.metadata
    assert isinstance(uploads, SupportsUploads)
    tokens = uploads.chunk_tokens(domain, [info.sha256 or "" for info in chunks])
    return [info for info, token in zip(chunks, tokens, strict=True) if _token_of(info) not in (None, token)]


def _token_of(info: BlobInfo) -> str | None:
    names = names_in_chunk_key(info.key)
    return names[2] if names is not None and (info.sha256 or "").startswith(names[1]) else None


def _keeps_uploads_of(core: Core, domain: str) -> bool:
    """Return False when the store lacks the manifest of a file: it is a copy, and its original names the chunks.

    A domain that owners share needs a file that shows the manifest to be there.
    """
    uploads = core.metadata
    assert isinstance(uploads, SupportsUploads)
    if is_shared(domain):
        return _has_witness(core, domain)
    query = ListQuery(owner=domain, order_by="created_at", descending=False, limit=LOOKED_AT)
    pages = [core.metadata.find(replace(query, section=section)) for section in Section]
    parts = [part for page in pages for record in page.records for part in record.stored_parts]
    for upload_id in filter(None, map(manifest_of, parts)):
        try:
            uploads.get_upload(upload_id)
        except UploadNotFound:
            return False
    return True


def _has_witness(core: Core, domain: str) -> bool:
    known = _known(core, owner_segment(domain))
    try:
        record = load_owning(core, str(known.body.get("witness", ""))) if known is not None else None
    except RecordNotFound:
        return False
    parts = record.stored_parts if isinstance(record, FileRecord) else ()
    manifests = [sealed_upload(core, part) for part in parts]
    return any(each.domain == domain for each in manifests if each is not None)
