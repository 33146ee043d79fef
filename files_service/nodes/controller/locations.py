"""The locations of a file's chunks, as the nodes confirm them now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from files_service.domain.access import may_change
from files_service.domain.chunking import chunk_key_beside, manifest_of
from files_service.nodes.controller.controller import Controller
from files_service.services.content import chunks_of, open_upload
from files_service.services.files import readable
from storage_adapters import JSON, FileRecord, Part
from storage_adapters.blobs.nodes.description import PIECE_BYTES
from storage_adapters.blobs.nodes.protocol.messages import Blobs, FindBlobs, Have, Present
from storage_adapters.blobs.nodes.protocol.naming import piece_names

PAGE_CHUNKS = 100
MOST_CHUNKS = 1_000


@dataclass(frozen=True, slots=True)
class Slot:
    """A stored chunk of a file: its key, its id for callers, its offset in the file.

    ``name`` is that under which nodes keep it, "" while it is not known.
    """

    key: str
    chunk_id: str
    offset: int
    size: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Nodes that have a chunk, and those that did not answer."""

    nodes: list[str]
    unknown: list[str]


def file_with_locations(controller: Controller, file_id: str, actor: str | None, *, start: int, limit: int) -> JSON:
    """Return a page of a file's chunks with their locations; ``next_start`` is there when others follow.

    A chunk that no node has, while all have answered, is ``lost``. Readers who may not change the file see no places,
    and no node is asked for them. Raises NotFound, Forbidden.
    """
    core = controller.core
    record = readable(core, file_id, actor)
    with_places = may_change(record, actor)
    slots = list(islice(_slots(controller, record, start, pieces=with_places), limit + 1))
    shown, rest = slots[:limit], slots[limit:]
    chunks: list[JSON] = [
        {
            "id": slot.chunk_id,
            "order": slot.offset // core.settings.chunk_bytes,
            "offset": slot.offset,
            "size": slot.size,
        }
        for slot in shown
    ]
    if with_places:
        for chunk, confirmed in zip(chunks, _confirm(controller, shown), strict=True):
            chunk |= {"location": confirmed.nodes, "unknown": confirmed.unknown}
            if not confirmed.nodes and not confirmed.unknown:
                chunk["lost"] = True
    page = {"id": record.file_id, "name": record.name, "uploaded_at": record.uploaded_at, "chunks": chunks}
    return {**page, "next_start": rest[0].offset} if rest else page


def _slots(controller: Controller, record: FileRecord, start: int, *, pieces: bool) -> Iterator[Slot]:
    """Yield the chunks from the one on that holds ``start`` or comes next; with ``pieces`` of a blob those on nodes."""
    core, begin = controller.core, 0
    for part in record.parts:
        offset = start - begin
        upload = open_upload(core, part) if part.received_at is None else None
        upload_id = upload.upload_id if upload is not None else manifest_of(part)
        if upload_id is not None:
            for chunk in chunks_of(core, upload_id, offset=max(0, offset)):
                key = chunk_key_beside(part.key, chunk)
                yield Slot(key, chunk.object_id, begin + chunk.offset, chunk.size)
        elif part.received_at is not None and (offset <= 0 or offset < part.size):
            yield from _of_blob(controller, part, begin, max(0, offset), pieces=pieces)
        begin += part.size


def _of_blob(controller: Controller, part: Part, begin: int, offset: int, *, pieces: bool) -> Iterator[Slot]:
    """Yield the pieces of a part that is one blob; the blob itself where it has none."""
    whole = Slot(part.key, part.part_id, begin, part.size)
    names = piece_names(_named(controller, [whole])[0].name) if pieces and controller.has_nodes else []
    if not names:
        yield whole
    for number in range(offset // PIECE_BYTES, len(names)):
        place = number * PIECE_BYTES
        size = min(PIECE_BYTES, part.size - place)
        yield Slot(part.key, f"{part.part_id}-{number}", begin + place, size, names[number])


def _named(controller: Controller, slots: Sequence[Slot]) -> list[Slot]:
    """Return the slots with the names of their chunks; "" for those that no node has."""
    keys = tuple(dict.fromkeys(slot.key for slot in slots if not slot.name))
    replies = controller.nodes.ask_all(controller.layouts.load().registered, FindBlobs(keys)) if keys else {}
    found = [reply.entries for reply in replies.values() if isinstance(reply, Blobs)]
    latest = {key: max((each[key][-1] for each in found if each.get(key)), default="") for key in keys}
    return [slot if slot.name else replace(slot, name=latest[slot.key]) for slot in slots]


def _confirm(controller: Controller, slots: Sequence[Slot]) -> list[Confirmed]:
    """Ask all nodes for the chunks. In a store without nodes the location is the bucket, which is not asked."""
    if not controller.has_nodes:
        return [Confirmed([controller.core.blobs.bucket], []) for _ in slots]
    named = _named(controller, slots)
    names = tuple(dict.fromkeys(slot.name for slot in named if slot.name))
    replies = controller.nodes.ask_all(controller.layouts.load().registered, Have(names))
    present = {node_id: reply.entries for node_id, reply in replies.items() if isinstance(reply, Present)}
    silent = [node_id for node_id in replies if node_id not in present]
    return [Confirmed([node_id for node_id, found in present.items() if slot.name in found], silent) for slot in named]
