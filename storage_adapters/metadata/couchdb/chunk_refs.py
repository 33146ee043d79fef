"""Places of a domain's chunks: named or garbage, never both, without a transaction over two documents.

1. To name a copy, a writer writes a reference (run of the upload, token), then reads the place, and unless that is
   known to be ``named`` writes it once more; then the upload's document. A reference is a claim, the upload's document
   the truth.
2. ``mark_garbage`` reads a place that is not known to be named, then the references, then writes the place over the
   revision that was read. So either that write fails, or the writer of a reference finds the place marked.
3. A place is known to be named once ``mark_garbage`` has found a reference of an upload that exists and is not under
   deletion; until then the place stays among the candidates.
4. The deletion of an upload marks it first, then the places of its references as not known to be named; then it deletes
   the references, and the upload's document last. A reference without its upload is of a writer that died or came too
   late: it has no effect, and is deleted when found.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from storage_adapters.errors import ChunkGone, StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database
from storage_adapters.metadata.couchdb.keys import owner_digest, place_of
from storage_adapters.metadata.couchdb.upload_documents import (
    Arrival,
    deletion,
    upload_document_id,
    with_own_revision,
    write_once,
)
from storage_adapters.metadata.couchdb.views import UPLOADS
from storage_adapters.ports.uploads import Chunk, ChunkReservation, GarbageChunk, new_token
from storage_adapters.records import JSON

_BATCH = 200
_ATTEMPTS = 100
_LAST: JSON = {}


class ChunkPlaces:
    """Places of chunks, and the references to them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def references(self, arrival: Arrival, chunks: Iterable[Chunk]) -> list[JSON]:
        """Return the documents by which an upload claims copies."""
        upload = arrival.upload
        claims = {chunk.token: place_id(upload.domain, chunk.object_id) for chunk in chunks}
        return [
            with_own_revision(
                {
                    "_id": f"ref-{arrival.run}-{token}",
                    "kind": "ref",
                    "run": arrival.run,
                    "token": token,
                    "place": place,
                    "upload": upload_document_id(upload.upload_id),
                }
            )
            for token, place in claims.items()
        ]

    def name(self, domain: str, chunks: Iterable[Chunk]) -> None:
        """Make sure that claimed copies are not garbage, and cannot become garbage while the claim lives."""
        claims: dict[str, set[str]] = defaultdict(set)
        object_ids = {}
        for chunk in chunks:
            document_id = place_id(domain, chunk.object_id)
            claims[document_id].add(chunk.token)
            object_ids[document_id] = chunk.object_id

        def decide(document_id: str, place: JSON | None) -> JSON | None:
            if place is None or place["condemned"] or claims[document_id] != {place["token"]}:
                raise ChunkGone(object_ids[document_id])
            return None if place["named"] else {**place, "stored": True}

        self._change(list(claims), decide)

    def reserve(self, domain: str, object_ids: Sequence[str], now: int) -> list[ChunkReservation]:
        """Return a place for each."""
        wanted = {place_id(domain, object_id): object_id for object_id in object_ids}
        since = place_of(now)[1]
        found: dict[str, ChunkReservation] = {}

        def decide(document_id: str, place: JSON | None) -> JSON | None:
            object_id, changed = wanted[document_id], None
            if place is None or place["condemned"]:
                if place is not None:
                    # Its bytes are yet to be deleted: the place is written over, and this must outlast it.
                    write_once(self._database, [_garbage_document(place)])
                changed = {
                    "_id": document_id,
                    **({} if place is None else {"_rev": place["_rev"]}),
                    "kind": "place",
                    "owner": domain,
                    "object_id": object_id,
                    "token": new_token(secrets.token_bytes(8)),
                    "since": since,
                    "condemned": False,
                    "stored": False,
                    "named": False,
                }
            elif place["since"] < since:
                changed = {**place, "since": since}
            kept = changed or place
            assert kept is not None
            found[object_id] = ChunkReservation(object_id=object_id, token=kept["token"], stored=kept["stored"])
            return changed

        self._change(list(wanted), decide)
        return [found[object_id] for object_id in object_ids]

    def tokens(self, domain: str, object_ids: Sequence[str]) -> list[str | None]:
        """Return the token of each place that is not garbage, None without one."""
        places = self._database.documents([place_id(domain, object_id) for object_id in object_ids])
        return [None if place is None or place["condemned"] else place["token"] for place in places]

    def release(self, arrival: Arrival, now: int) -> None:
        """Withdraw all claims of an upload under deletion, a bounded number at a time."""
        since = place_of(now)[1]
        while batch := self._database.between(f"ref-{arrival.run}-", f"ref-{arrival.run}-~", limit=_BATCH):
            tokens: dict[str, set[str]] = defaultdict(set)
            for each in batch:
                tokens[each["place"]].add(each["token"])

            def decide(document_id: str, place: JSON | None, tokens: Mapping[str, set[str]] = tokens) -> JSON | None:
                if place is None or place["condemned"] or place["token"] not in tokens[document_id]:
                    return None
                return {**place, "named": False, "since": max(place["since"], since)}

            self._change(list(tokens), decide)
            self._database.bulk([deletion(each) for each in batch])

    def mark_garbage(self, unused_before: int, limit: int) -> list[GarbageChunk]:
        """Mark what nothing names as garbage; return the garbage."""
        found = self._garbage(limit)
        latest, left = place_of(unused_before - 1)[1], 0
        while len(found) < limit:
            size = min(_BATCH, limit - len(found))
            rows = self._database.view(
                UPLOADS.name, startkey=["unused", ""], endkey=["unused", latest], limit=size, skip=left
            )
            read = self._database.documents(row["id"] for row in rows)
            places = {
                each["_id"]: each
                for each in read
                if each is not None and not each["condemned"] and not each["named"] and each["since"] <= latest
            }
            claimed, unclear = self._claimed([each["token"] for each in places.values()])
            changed = [
                {**each, "named": True} if each["token"] in claimed else {**each, "condemned": True}
                for each in places.values()
                if each["token"] not in unclear
            ]
            for document_id in self._written(changed):
                if places[document_id]["token"] not in claimed:
                    found.append(_parse_garbage(places[document_id]))
            left += sum(each["token"] in unclear for each in places.values())
            if len(rows) < size:
                break
        return found

    def forget(self, garbage: Sequence[GarbageChunk]) -> None:
        """Forget garbage places."""
        for start in range(0, len(garbage), _BATCH):
            tokens = {each.token: each for each in garbage[start : start + _BATCH]}
            wanted = [f"condemned-{token}" for token in tokens]
            wanted += [place_id(each.domain, each.object_id) for each in tokens.values()]
            gone = [
                deletion(each)
                for each in self._database.documents(wanted)
                if each is not None and each["token"] in tokens and (each["kind"] == "condemned" or each["condemned"])
            ]
            if gone:
                self._database.bulk(gone)

    def _garbage(self, limit: int) -> list[GarbageChunk]:
        rows = self._database.view(UPLOADS.name, startkey=["condemned"], endkey=["condemned", _LAST], limit=limit)
        read = self._database.documents(row["id"] for row in rows)
        found = {
            each["token"]: _parse_garbage(each)
            for each in read
            if each is not None and (each["kind"] == "condemned" or each["condemned"])
        }
        return list(found.values())

    def _claimed(self, tokens: Sequence[str]) -> tuple[set[str], set[str]]:
        """Return the copies that uploads claim, and those that only an upload under deletion claims."""
        claimed: set[str] = set()
        unclear: set[str] = set()
        if not tokens:
            return claimed, unclear
        rows = self._database.view(UPLOADS.name, keys=[["token", token] for token in tokens])
        references = [each for each in self._database.documents(row["id"] for row in rows) if each is not None]
        uploads = {
            each["_id"]: each
            for each in self._database.documents({each["upload"] for each in references})
            if each is not None
        }
        dead = []
        for each in references:
            upload = uploads.get(each["upload"])
            if upload is None or upload["run"] != each["run"]:
                dead.append(deletion(each))
            elif upload["status"] == "deleting":
                unclear.add(each["token"])
            else:
                claimed.add(each["token"])
        if dead:
            self._database.bulk(dead)
        return claimed, unclear - claimed

    def _change(self, document_ids: Sequence[str], decide: Callable[[str, JSON | None], JSON | None]) -> None:
        """Write what is decided from each document, each over the revision that was decided on."""
        for start in range(0, len(document_ids), _BATCH):
            rest = list(document_ids[start : start + _BATCH])
            for _ in range(_ATTEMPTS):
                read = self._database.documents(rest)
                decided = [decide(each, document) for each, document in zip(rest, read, strict=True)]
                changed = [each for each in decided if each is not None]
                written = self._written(changed)
                rest = [each["_id"] for each in changed if each["_id"] not in written]
                if not rest:
                    break
            else:
                raise StorageUnavailable("couchdb: too many concurrent writers of the same chunks")

    def _written(self, documents: Sequence[JSON]) -> set[str]:
        """Write documents; return the ids of those that were not at another revision."""
        written = set()
        for row in self._database.bulk(documents) if documents else ():
            if "error" not in row:
                written.add(str(row["id"]))
            elif row["error"] != "conflict":
                raise StorageUnavailable(f"couchdb: {row.get('id')} was refused: {row['error']}")
        return written


def place_id(domain: str, object_id: str) -> str:
    """Return the id of the document of a place."""
    return f"place-{owner_digest(domain)}-{object_id}"


def _garbage_document(place: JSON) -> JSON:
    return with_own_revision(
        {
            "_id": f"condemned-{place['token']}",
            "kind": "condemned",
            "owner": place["owner"],
            "object_id": place["object_id"],
            "token": place["token"],
        }
    )


def _parse_garbage(document: JSON) -> GarbageChunk:
    return GarbageChunk(domain=document["owner"], object_id=document["object_id"], token=document["token"])
