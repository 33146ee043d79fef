"""The documents of an upload: its state, and its manifest of one document per chunk.

1. The document of the upload is changed by its revision, and each change of it is the whole of what happened: it
   counts, and holds the chunks that came with the latest change. Who adds more writes those into documents of their
   own first, so it never grows with the number of chunks.
2. A chunk's document has a revision made of its content: writing it twice is writing it once, also after it was
   deleted.
3. ``run`` is in the ids of all that belongs to an upload, and is another one when the upload's id comes back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from storage_adapters.codec import form_of
from storage_adapters.errors import StorageUnavailable, UploadConflict
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.keys import hex_of, owner_digest, place_of
from storage_adapters.ports.uploads import Chunk, Upload, UploadStatus
from storage_adapters.records import JSON

UPLOAD_FORM = form_of(Upload)
_BATCH = 500
_LAST_OFFSET = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An upload as its document has it; ``end`` lies behind the last byte that is there."""

    upload: Upload
    run: str
    end: int = 0
    latest: tuple[Chunk, ...] = ()
    rev: str | None = None


def upload_document_id(upload_id: str) -> str:
    """Return the id of an upload's document."""
    return "upload-" + hex_of(upload_id)


def arrival_document(arrival: Arrival) -> JSON:
    """Return the document of an upload. The state is text, in which every server keeps every number."""
    upload = arrival.upload
    latest = [[each.offset, each.size, each.object_id, each.token] for each in arrival.latest]
    state = {"upload": UPLOAD_FORM.values(upload), "end": arrival.end, "latest": latest}
    document: JSON = {
        "_id": upload_document_id(upload.upload_id),
        "write_id": new_write_id(),
        "kind": "upload",
        "run": arrival.run,
        "status": upload.status.value,
        "owner": owner_digest(upload.owner),
        "due": place_of(upload.expires_at)[1],
        "state": orjson.dumps(state).decode(),
    }
    return document if arrival.rev is None else document | {"_rev": arrival.rev}


def parse_arrival(document: JSON) -> Arrival:
    """Read the document of an upload."""
    state = orjson.loads(document["state"])
    fields = state["upload"]
    return Arrival(
        upload=UPLOAD_FORM.from_json({**fields, "status": UploadStatus(fields["status"])}),
        run=document["run"],
        end=state["end"],
        latest=tuple(_chunk(*each) for each in state["latest"]),
        rev=document["_rev"],
    )


def with_own_revision(document: JSON) -> JSON:
    """Return the document with a revision of its content, so that writing it twice is writing it once."""
    content = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return document | {"_rev": f"1-{hashlib.blake2b(content, digest_size=16).hexdigest()}"}


def write_once(database: Database, documents: Sequence[JSON]) -> None:
    """Write documents that have revisions of their own."""
    for start in range(0, len(documents), _BATCH):
        for row in database.bulk(documents[start : start + _BATCH], new_edits=False):
            if "error" in row:
                raise StorageUnavailable(f"couchdb: {row.get('id')} was refused: {row['error']}")


class Manifest:
    """The chunks of uploads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def documents(self, arrival: Arrival) -> list[JSON]:
        """Return the documents that the latest chunks must have before more come."""
        return [
            with_own_revision(
                {
                    "_id": _chunk_id(arrival.run, each.offset),
                    "kind": "chunk",
                    "size": each.size,
                    "object_id": each.object_id,
                    "token": each.token,
                }
            )
            for each in arrival.latest
        ]

    def fresh(self, arrival: Arrival, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Return the chunks that do not exist yet, in order."""
        ordered = sorted(chunks, key=lambda chunk: chunk.offset)
        known = {chunk.offset: chunk for chunk in arrival.latest}
        asked = [chunk.offset for chunk in ordered if chunk.offset < arrival.end and chunk.offset not in known]
        for document in self._database.documents(_chunk_id(arrival.run, offset) for offset in asked):
            if document is not None:
                chunk = _parse_chunk(document)
                known[chunk.offset] = chunk
        return [chunk for chunk in ordered if known.get(chunk.offset) != chunk]

    def require_room(self, arrival: Arrival, fresh: Sequence[Chunk]) -> None:
        """Raise UploadConflict when a chunk lies behind the end, on another one, or on bytes that are there."""
        pieces: list[tuple[int, int]] = []
        for chunk in fresh:
            if arrival.upload.size is not None and chunk.end > arrival.upload.size:
                raise UploadConflict(f"the upload ends at {arrival.upload.size}")
            if pieces and chunk.offset < pieces[-1][1]:
                raise UploadConflict(f"other bytes are at offset {chunk.offset}")
            if pieces and chunk.offset == pieces[-1][1]:
                pieces[-1] = (pieces[-1][0], chunk.end)
            else:
                pieces.append((chunk.offset, chunk.end))
        for start, end in pieces:
            if start < arrival.end:
                before = [*self._last_before(arrival.run, end), *arrival.latest]
                if any(chunk.offset < end and chunk.end > start for chunk in before):
                    raise UploadConflict(f"other bytes are at offset {start}")

    def extended(self, arrival: Arrival, fresh: Sequence[Chunk], *, expires_at: int) -> Arrival:
        """Return the upload with as many chunks as have room. Chunks are passed once on the way to its end."""
        upload = arrival.upload
        end = max([arrival.end, *(chunk.end for chunk in fresh)])
        contiguous = upload.contiguous
        ends = {chunk.offset: chunk.end for chunk in fresh}
        if contiguous in ends:
            ends |= {chunk.offset: chunk.end for chunk in arrival.latest}
            while True:
                while contiguous in ends:
                    contiguous = ends[contiguous]
                ahead = [] if contiguous >= end else self._from(arrival.run, contiguous, _BATCH)
                if not ahead or ahead[0].offset != contiguous:
                    break
                ends |= {chunk.offset: chunk.end for chunk in ahead}
        return replace(
            arrival,
            upload=replace(
                upload,
                received=upload.received + sum(chunk.size for chunk in fresh),
                chunks=upload.chunks + len(fresh),
                contiguous=contiguous,
                expires_at=max(upload.expires_at, expires_at),
            ),
            end=end,
            latest=tuple(fresh) or arrival.latest,
        )

    def listed(self, arrival: Arrival, offset: int, limit: int) -> list[Chunk]:
        """Up to so many chunks that end behind an offset, in order."""
        first = self._last_before(arrival.run, offset + 1) if offset > 0 else []
        found = {chunk.offset: chunk for chunk in (*arrival.latest, *first)}
        place = offset
        while len(found) < limit + len(arrival.latest) + len(first):
            batch = self._from(arrival.run, place, min(_BATCH, limit))
            found |= {chunk.offset: chunk for chunk in batch}
            if len(batch) < min(_BATCH, limit):
                break
            place = batch[-1].offset + 1
        domain = arrival.upload.chunk_domain
        listed = [found[each] for each in sorted(found) if found[each].end > offset][:limit]
        return [replace(each, chunk_domain=domain) for each in listed] if domain else listed

    def delete(self, arrival: Arrival) -> None:
        """Delete the documents of all chunks, a bounded number at a time."""
        write_once(self._database, self.documents(arrival))
        while batch := self._range(arrival.run, 0, _BATCH):
            self._database.bulk([deletion(each) for each in batch])

    def _last_before(self, run: str, offset: int) -> list[Chunk]:
        found = self._database.between(_chunk_id(run, offset - 1), _chunk_id(run, 0), limit=1, descending=True)
        return [_parse_chunk(document) for document in found]

    def _from(self, run: str, offset: int, limit: int) -> list[Chunk]:
        return [_parse_chunk(document) for document in self._range(run, offset, limit)]

    def _range(self, run: str, offset: int, limit: int) -> list[JSON]:
        return self._database.between(_chunk_id(run, offset), _chunk_id(run, _LAST_OFFSET), limit=limit)


def deletion(document: JSON) -> JSON:
    """Return the document that deletes the one that was read."""
    return {"_id": document["_id"], "_rev": document["_rev"], "_deleted": True}


def _chunk_id(run: str, offset: int) -> str:
    return f"chunk-{run}-{offset:016x}"


def _parse_chunk(document: JSON) -> Chunk:
    offset = int(document["_id"].rpartition("-")[2], 16)
    return _chunk(offset, document["size"], document["object_id"], document["token"])


def _chunk(offset: int, size: int, object_id: str, token: str) -> Chunk:
    return Chunk(offset=offset, size=size, object_id=object_id, token=token)
