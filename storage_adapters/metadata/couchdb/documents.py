"""Documents in CouchDB: a database of their own, with one CouchDB document each.

1. ``document`` is the document or tombstone as canonical JSON text, for a server may make 1 of 1.0; ``revision`` is its
   revision. What the views read stands beside it: ``index`` of what is no tombstone, and ``due``.
2. ``announced`` names the write that the feed must have: a reader that does not find it in the feed writes it there. It
   is a part of the entry's id, for a repair may take a document back to a revision that the feed has already.
3. A CouchDB document without ``document`` is a fence: see ``names``, by whose reservations names are unique here too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from storage_adapters.errors import StorageUnavailable
from storage_adapters.metadata.couchdb.database import Database, new_write_id
from storage_adapters.metadata.couchdb.feed import Feed, document_entry
from storage_adapters.metadata.couchdb.keys import KEPT, bearer_id_of, hex_of, kept_id_of, name_digest, place_of
from storage_adapters.metadata.couchdb.layout import prepare_documents
from storage_adapters.metadata.couchdb.names import claim_all, holders_of
from storage_adapters.metadata.couchdb.state import State
from storage_adapters.metadata.couchdb.sums import digest_of
from storage_adapters.metadata.couchdb.views import DESIGNS, DOCUMENTS
from storage_adapters.metadata.document_rules import DocumentRules, Held, Move
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.document_codec import document_bucket, document_from_text, document_halves, document_to_text
from storage_adapters.ports.documents import Document, DocumentKey, DocumentQuery
from storage_adapters.records import JSON

_BATCH = 200
_ORDER = DOCUMENTS[-1].name
_BEHIND_ALL: JSON = {}


class CouchDocuments(DocumentRules):
    """The part of the CouchDB store that keeps documents."""

    _documents: Database
    _locks: Database
    _state: State
    _feed: Feed

    def document_digest(self) -> list[DigestBucket]:
        """See ``SupportsDocuments``."""
        return digest_of(self._documents)

    def bucket_documents(self, bucket: int) -> Iterator[Document]:
        """See ``SupportsDocuments``."""
        rows = self._documents.view(DESIGNS["digest"].name, key=bucket, reduce=False)
        ids = [row["id"] for row in rows]
        for start in range(0, len(ids), _BATCH):
            for stored in self._documents.documents(ids[start : start + _BATCH]):
                document = stored and _parsed(stored)
                if document and not document.deleted:
                    yield document

    def document_faults(self) -> list[str]:
        """See ``SupportsDocuments``."""
        if not self._documents.exists():
            return [f"database {self._documents.name} is missing"]
        there = self._documents.design_names()
        return [f"design document {design.name} is missing" for design in DOCUMENTS if design.name not in there]

    def prepare_documents(self) -> None:
        """See ``SupportsDocuments``."""
        prepare_documents(self._documents, self._state)

    def withdraw_document_changes(self) -> int:
        """See ``SupportsDocuments``."""
        return self._feed.withdraw(KEPT)

    def _held_documents(self, keys: Sequence[DocumentKey]) -> list[Held]:
        found = self._documents.documents(map(kept_id_of, keys))
        return [Held(None if stored is None else _parsed(stored), stored) for stored in found]

    def _move_documents(self, moves: Sequence[Move]) -> list[bool]:
        self._feed.add_missing(document_entry(move.held.token) for move in moves if move.held.token)
        if len(moves) == 1 and moves[0].announced:
            return [self._announce(moves[0])]
        contents = {kept_id_of(move.key): _content(move) for move in moves}
        rows = self._documents.bulk(list(contents.values())) if contents else []
        refused = [row["error"] for row in rows if row.get("error", "conflict") != "conflict"]
        if refused:
            raise StorageUnavailable(f"couchdb: a document was refused: {refused[0]}")
        done = {row.get("id") for row in rows if "error" not in row}
        return [document_id in done for document_id in contents]

    def _listed_documents(self, query: DocumentQuery, limit: int) -> list[Document]:
        first, end = query.bounds
        collection = ["order", hex_of(query.collection)]
        lower: list[Any] = [*collection, hex_of(first)]
        upper: list[Any] = [*collection, _BEHIND_ALL if end is None else hex_of(end)]
        place: list[Any] | None = None
        if query.after is not None:
            place = [*collection, hex_of(query.after.order), kept_id_of((query.collection, query.after.document_id))]
            lower, upper = (lower, place) if query.descending else (place, upper)
        start, stop = (upper, lower) if query.descending else (lower, upper)
        # One more, for a document may stand at the place itself.
        rows = self._documents.view(
            _ORDER, startkey=start, endkey=stop, descending=query.descending, limit=limit + 1, reduce=False
        )
        return [document_from_text(row["value"]) for row in rows if row["key"] != place][:limit]

    def _name_holders(self, collection: str, name: str) -> list[str]:
        digest = _name_digest(collection, name)
        return [bearer_id_of(holder) for holder in holders_of(self._documents, [digest])[digest]]

    def _due_documents(self, now: int, limit: int, *, deleted: bool) -> list[DocumentKey]:
        kind = "buried" if deleted else "expiring"
        rows = self._documents.view(_ORDER, startkey=[kind], endkey=[kind, place_of(now)[1]], limit=limit, reduce=False)
        return [DocumentKey(row["id"][1:].partition(":")[0], bearer_id_of(row["id"])) for row in rows]

    def _announce(self, move: Move) -> bool:
        """Write one document with its names and its entry; return False when another write came first."""
        assert move.new is not None
        document_id, over = kept_id_of(move.key), move.held.token or {}
        borne = move.before.names if move.before else ()
        collection = move.key.collection
        wanted = {
            _name_digest(collection, name): ("name", name)
            for name in (move.new.names if move.after else ())
            if name not in borne
        }
        if not claim_all(self._documents, self._locks, wanted, holder=document_id, base=over.get("_rev")):
            return False
        content = _content(move)
        if self._documents.put(content) is None:
            return False
        self._feed.write([document_entry(content)])
        return True


def _parsed(stored: JSON) -> Document | None:
    return document_from_text(stored["document"]) if "document" in stored else None


def _name_digest(collection: str, name: str) -> str:
    return name_digest("document", collection, name)


def _content(move: Move) -> JSON:
    """Build the CouchDB document that replaces the held one."""
    content: JSON = {"_id": kept_id_of(move.key), "write_id": new_write_id()}
    if move.held.token is not None:
        content["_rev"] = move.held.token["_rev"]
    if move.new is None:
        return content | {"_deleted": True}
    text = document_to_text(move.new)
    content |= {"collection": hex_of(move.key.collection), "document": text.decode(), "revision": move.new.revision}
    if move.announced:
        content["announced"] = content["write_id"]
    if move.new.expires_at is not None:
        content["due"] = place_of(move.new.expires_at)[1]
    if move.after is not None:
        content["index"] = {
            "order": hex_of(move.new.order),
            "names": [_name_digest(move.key.collection, name) for name in move.new.names],
            "named_at": f"{time.time_ns():020}",
            "digest": [document_bucket(move.key), *document_halves(text), move.new.revision],
        }
    return content
