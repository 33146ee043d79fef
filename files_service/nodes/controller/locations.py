"""The places of a file's chunks, as the nodes confirm them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from files_service.core import Core
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.nodes.controller.controller import Controller
from files_service.services.content import chunks_of, open_upload
from files_service.services.files import readable
from storage_adapters import JSON, FileRecord
from storage_adapters.blobs.nodes.protocol.messages import Blobs, FindBlobs

PAGE_CHUNKS = 100
MOST_CHUNKS = 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """A stored chunk of a file: its key, its id for callers, and its place in the file."""

    key: str
    chunk_id: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Location:
    """Nodes that have a whole copy, and those that did not answer."""

    nodes: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def file_with_locations(controller: Controller, file_id: str, actor: str | None, *, start: int, limit: int) -> JSON:
    """Return a page of a file's chunks with their places; ``next_start`` is there when others follow.

    A chunk that no node has, while all have answered, is ``lost``. Raises NotFound, Forbidden.
    """
    core = controller.core
    record = readable(core, file_id, actor)
    places = list(islice(_places(core, record, start), limit + 1))
    shown, rest = places[:limit], places[limit:]
    located = locate(controller, [place.key for place in shown])
    chunks = [
        {
            "id": place.chunk_id,
            "order": place.offset // core.settings.chunk_bytes,
            "offset": place.offset,
            "size": place.size,
            "location": location.nodes,
            "unknown": location.unknown,
            **({"lost": True} if not location.nodes and not location.unknown else {}),
        }
        for place, location in zip(shown, located, strict=True)
    ]
    page = {"id": record.file_id, "name": record.name, "uploaded_at": record.uploaded_at, "chunks": chunks}
    return {**page, "next_start": rest[0].offset} if rest else page


def locate(controller: Controller, keys: Sequence[str]) -> list[Location]:
    """Return the place of each blob. In a store without nodes it is the bucket, which is not asked."""
    if not controller.has_nodes:
        return [Location([controller.core.blobs.bucket]) for _ in keys]
    nodes = controller.layouts.load().registered
    answers = controller.nodes.ask_all(nodes, FindBlobs(tuple(dict.fromkeys(keys))))
    found = {node_id: reply.entries for node_id, reply in answers.items() if isinstance(reply, Blobs)}
    latest = {key: max((each[key][-1] for each in found.values() if each.get(key)), default="") for key in keys}
    silent = [node.node_id for node in nodes if node.node_id not in found]
    return [
        Location(
            [node_id for node_id, each in found.items() if latest[key] and latest[key] in each.get(key, ())], silent
        )
        for key in keys
    ]


def _places(core: Core, record: FileRecord, start: int) -> Iterator[Place]:
    """Yield the chunks from the one on that holds ``start`` or comes next; a part that is one blob is one chunk."""
    begin = 0
    for part in record.parts:
        offset = start - begin
        upload = open_upload(core, part) if part.received_at is None else None
        upload_id = upload.upload_id if upload is not None else manifest_of(part)
        if upload_id is not None:
            for chunk in chunks_of(core, upload_id, offset=max(0, offset)):
                key = chunk_key_beside(part.key, chunk)
                yield Place(key, chunk.object_id, begin + chunk.offset, chunk.size)
        elif part.received_at is not None and (offset <= 0 or offset < part.size):
            yield Place(part.key, part.part_id, begin, part.size)
        begin += part.size
