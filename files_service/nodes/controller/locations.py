"""The places of a file's chunks, as the nodes confirm them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from files_service.core import Core
from files_service.domain.access import NOBODY
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.errors import NotFound
from files_service.nodes.controller.controller import Controller
from files_service.services.content import chunks_of, open_upload
from files_service.services.files import readable
from storage_adapters import JSON, FileRecord

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
    record = _readable(core, file_id, actor)
    places = list(islice(_places(core, record, start), limit + 1))
    shown, rest = places[:limit], places[limit:]
    located = locate(controller, [place.key for place in shown])
    chunks = [
        {
            "id": place.chunk_id,
            "order": index,
            "offset": place.offset,
            "size": place.size,
            "location": location.nodes,
            "unknown": location.unknown,
            **({"lost": True} if not location.nodes and not location.unknown else {}),
        }
        for index, (place, location) in enumerate(zip(shown, located, strict=True), _order_of(core, record, start))
    ]
    page = {"id": record.file_id, "name": record.name, "uploaded_at": record.uploaded_at, "chunks": chunks}
    return {**page, "next_start": rest[0].offset} if rest else page
