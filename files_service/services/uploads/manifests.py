"""Manifests for callers: the stored chunks of a file or an upload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from files_service.core import Core
from files_service.domain.chunking import file_id_of_upload, manifest_of, names_in_upload_id
from files_service.domain.paths import name_of
from files_service.domain.uploads import find_part
from files_service.services.content import chunks_of, open_upload
from files_service.services.uploads.session import DECLARED
from storage_adapters import JSON, Chunk, FileRecord, Part, Upload

# Chunks on a page: 4 GiB of content by default, and at most some 1.2 MB of text.
PAGE_CHUNKS = 1_000
MOST_CHUNKS = 10_000


def manifest_of_record(core: Core, record: FileRecord, *, start: int = 0, limit: int = PAGE_CHUNKS) -> JSON:
    """Return a page of the manifest of a file: the chunks of all its parts; a part that is one blob is one chunk."""
    sources = list(_sources(core, record.parts))
    return {
        "_id": record.file_id,
        "user_id": record.owner,
        "name": record.name,
        "size": record.size,
        "mime_type": record.content_type,
        "upload_size": sum(source.received for source in sources),
        "upload_end": record.uploaded_at,
        **_page(_chunks_of(core, sources, start), start, limit),
    }


def manifest_of_upload(core: Core, upload: Upload, *, start: int = 0, limit: int = PAGE_CHUNKS) -> JSON:
    """Return a page of the manifest of an upload, with or without a file."""
    name, mime_type = _said_of(core, upload)
    return {
        "_id": file_id_of_upload(upload.upload_id),
        "user_id": upload.owner,
        "name": name,
        "size": upload.size,
        "mime_type": mime_type,
        "upload_size": upload.received,
        "upload_end": upload.sealed_at,
        **_page(_shown(chunks_of(core, upload.upload_id, offset=start), 0), start, limit),
    }


def _page(chunks: Iterable[JSON], start: int, limit: int) -> JSON:
    """Take the chunks of a page; ``next_start`` is there when others follow.

    Empty parts share their place with the next chunk, so they do not count: each is on the page that ends there.
    """
    shown: list[JSON] = []
    filled = 0
    for chunk in chunks:
        if not chunk["size"] and start and chunk["slice_start"] <= start:
            continue
        if chunk["size"] and filled == limit:
            return {"chunks": shown, "next_start": chunk["slice_start"]}
        shown.append(chunk)
        filled += chunk["size"] > 0
    return {"chunks": shown}


def _said_of(core: Core, upload: Upload) -> tuple[str | None, str | None]:
    """Return name and type as declared with the upload, or by files.upload for a part of a file."""
    said = upload.details.get(DECLARED)
    if said is not None:
        return said.get("name") or name_of(said["path"]), said["parts"][0].get("content_type")
    names = names_in_upload_id(upload.upload_id)
    assert names is not None
    record = core.metadata.get(names[0])
    part = find_part(record, names[1])
    return record.name, part.content_type if part is not None else None


@dataclass(frozen=True, slots=True)
class _Source:
    """A part within its file: its place, its bytes so far, and the upload that has its chunks, if there is one."""

    part: Part
    start: int
    received: int
    upload_id: str | None = None


def _sources(core: Core, parts: Iterable[Part]) -> Iterator[_Source]:
    start = 0
    for part in parts:
        if part.received_at is not None:
            yield _Source(part, start, part.size, manifest_of(part))
        elif (upload := open_upload(core, part)) is not None:
            yield _Source(part, start, upload.received, upload.upload_id)
        start += part.size


def _chunks_of(core: Core, sources: Iterable[_Source], start: int) -> Iterator[JSON]:
    """Yield the chunks from the one on that holds ``start`` or comes next."""
    for source in sources:
        offset = start - source.start
        if source.upload_id is not None:
            yield from _shown(chunks_of(core, source.upload_id, offset=max(0, offset)), source.start)
        elif offset <= 0 or offset < source.part.size:
            yield {"object_id": source.part.sha256, "slice_start": source.start, "size": source.part.size}


def _shown(chunks: Iterable[Chunk], start: int) -> Iterator[JSON]:
    for chunk in chunks:
        yield {"object_id": chunk.object_id, "slice_start": start + chunk.offset, "size": chunk.size}
